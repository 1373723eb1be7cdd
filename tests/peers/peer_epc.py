"""epcpy 0.1.8 or pyepc 0.5.0 writes and reads SGTIN-96 and SGTIN-198; runs in .venv-peers. JSON job on stdin, JSON list
on stdout.

``{"library", "items": [[gtin, serial, prefix_digits, filter, scheme, hex]]}`` -> ``[hex, tag_uri, gtin_and_serial]``
each: what the library writes for the item, in hex and as tag URI; and how it reads ``hex``, as an element string. None
where it refuses the item.
"""

import json
import sys
import types


def epcpy():
    from epcpy import ConvertException
    from epcpy.epc_schemes.sgtin import SGTIN, SGTINFilterValue

    filters = {int(value.value): value for value in SGTINFilterValue}
    schemes = {scheme.value: scheme for scheme in SGTIN.BinaryCodingScheme}
    escapes = {ord(char): f"%{ord(char):02X}" for char in '"%&/<>?'}

    def answer(gtin, serial, digits, scheme_filter, scheme, epc):
        try:
            item = SGTIN.from_gtin_plus_serial(gtin, serial.translate(escapes), digits)  # takes the serial of a URI
        except (ConvertException, OverflowError, ValueError):
            return None
        how = {"binary_coding_scheme": schemes[scheme], "filter_value": filters[scheme_filter]}
        return item.hex(**how), item.tag_uri(**how), SGTIN.from_hex(epc).gs1_element_string()

    return answer


def pyepc():
    sys.modules["requests"] = types.ModuleType("requests")  # imported for a list of prefixes that is not asked for
    from pyepc import SGTIN

    filters = {int(value.value): value for value in SGTIN.FilterValues}
    schemes = {scheme.value: scheme for scheme in SGTIN.BinarySchemes}

    def answer(gtin, serial, digits, scheme_filter, scheme, epc):
        item = SGTIN.from_sgtin(gtin, serial, digits)
        how = schemes[scheme], filters[scheme_filter]
        return item.encode(*how), item.get_tag_uri(*how), SGTIN.decode(epc).gs1_element_string

    return answer


def main():
    job = json.load(sys.stdin)
    answer = {"epcpy": epcpy, "pyepc": pyepc}[job["library"]]()
    json.dump([answer(*item) for item in job["items"]], sys.stdout)


main()
