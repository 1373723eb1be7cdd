"""All cases of the Gen2 contract suite: which hold for every chip, and which once for a module."""

from collections.abc import Callable, Mapping

from tests.contract.suite_uhf import field_cases, lock_cases, memory_cases, mishap_cases, port_cases
from tests.contract.suite_uhf.bench import Bench
from tests.contract.suite_uhf.families import CHIPS, Family

Case = Callable[[Bench], None]

ANY_CHIP = "UCODE-7xm"
"""On which the cases of the module itself run."""

CHIP_CASES: Mapping[str, tuple[Case, ...]] = {
    "memory": (
        memory_cases.the_only_tag_is_sensed_chosen_and_identified,
        memory_cases.one_word_and_the_most_words_are_read_and_more_over_several_commands,
        memory_cases.one_word_and_the_most_words_are_written_and_more_over_several_commands,
        memory_cases.block_write_writes_the_same_where_the_module_offers_it,
        memory_cases.an_epc_grows_and_shrinks_with_its_pc_and_the_crc_that_the_chip_computes,
        memory_cases.a_whole_content_is_written_and_read_back_and_equal_content_not_written_again,
        memory_cases.words_that_are_not_there_are_refused_and_nothing_is_written,
    ),
    "passwords, locks, kill": (
        lock_cases.passwords_are_set_and_then_open_the_locked_chip,
        lock_cases.every_area_is_locked_by_every_action_in_its_meaning_and_no_other_area_with_it,
        lock_cases.several_areas_are_locked_in_as_many_commands_as_is_said,
        lock_cases.what_is_locked_for_ever_stays_and_the_refusal_says_so,
        lock_cases.nothing_is_locked_without_the_password,
        lock_cases.a_locked_bank_is_written_with_its_password_alone,
        lock_cases.a_bank_locked_for_ever_is_written_by_nobody,
        lock_cases.a_chip_is_killed_by_its_own_password_alone_and_never_answers_again,
    ),
    "pulled, swapped": (
        field_cases.a_tag_that_was_pulled_is_lost_and_not_written_and_there_again,
        field_cases.a_tag_that_leaves_between_two_words_or_before_the_answer_is_never_said_to_be_written,
        field_cases.in_place_of_the_chosen_tag_another_is_neither_written_nor_taken_for_it,
        field_cases.of_two_tags_with_one_epc_the_other_is_never_said_to_be_written,
    ),
}

MODULE_CASES: Mapping[str, tuple[Case, ...]] = {
    "EPC, TID, several tags": (
        memory_cases.an_epc_as_long_as_a_chip_allows_is_written_or_refused_before_it_is,
        field_cases.a_tid_is_taken_to_the_end_of_its_serial,
        field_cases.a_tid_without_a_serial_is_no_chip_number,
        field_cases.a_chip_without_block_write_is_never_said_to_be_written_by_one,
        field_cases.two_tags_are_refused_for_an_encode_with_count_and_strength,
        field_cases.of_two_tags_with_one_epc_in_the_field_the_chosen_one_alone_is_written,
        field_cases.in_a_crowd_each_tag_is_read_by_its_own_choice,
        field_cases.an_answer_that_names_another_tag_is_not_believed,
    ),
    "lost and late answers": (
        port_cases.a_whole_encode_comes_through_answers_in_random_pieces,
        port_cases.a_late_answer_never_answers_the_next_question,
        port_cases.an_answer_that_does_not_come_whole_is_none_and_the_next_one_is_right,
        port_cases.a_round_whose_answer_is_damaged_is_held_again,
        mishap_cases.no_mishap_makes_an_answer_another_s_or_a_write_done_that_is_not,
    ),
    "port, speed, probe": (
        port_cases.a_lost_port_is_a_lost_device_and_found_again_by_the_lasting_reader,
        port_cases.a_module_left_at_another_speed_is_found,
        port_cases.a_port_has_one_owner_and_the_refusal_names_it,
        port_cases.a_module_of_another_protocol_is_refused,
        port_cases.a_look_alike_protocol_is_refused_at_the_probe,
    ),
    "region, power": (
        port_cases.region_power_and_temperature_are_told_as_they_were_set,
        port_cases.a_region_or_power_that_is_not_allowed_is_refused_and_the_module_not_asked,
    ),
}


def cases_of(family: Family) -> list[tuple[str, str, Case]]:
    """Topic, chip and case of everything that holds for a family."""
    found = [(topic, chip, case) for topic, cases in CHIP_CASES.items() for chip in CHIPS for case in cases]
    found += [
        (topic, ANY_CHIP, case) for topic, cases in MODULE_CASES.items() for case in cases if _holds(case, family)
    ]
    return found


def _holds(case: Case, family: Family) -> bool:
    if case is field_cases.an_answer_that_names_another_tag_is_not_believed:
        return family.names_tags
    if case is field_cases.a_chip_without_block_write_is_never_said_to_be_written_by_one:
        return family.block_write
    return True
