/* Drives a module through the vendor's Mercury API for C, as told on stdin: one command a line, one line of answer to it.
 *
 * An answer begins with the API's status: 0000, the status word of the module, or x and the API's own number. The
 * program is linked with the API's sources for serial readers and asks nothing of it that an ordinary client would not.
 *
 *   version | supported | region N | powers READ WRITE | temperature | tags MS | any | epc HEX | tid HEX | password HEX
 *   read BANK WORD COUNT | write BANK WORD HEX | block-write BANK WORD HEX | write-epc HEX | lock MASK ACTION HEX
 *   permalock BLOCK MASK | permalocked BLOCK | erase BANK WORD COUNT | kill HEX
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tm_reader.h>

#define MOST 256

static TMR_Reader reader;
static TMR_ReadPlan plan;
static TMR_TagFilter filter;
static TMR_TagData chosen;
static uint8_t mask[MOST];
static TMR_TagFilter *target; /* NULL: any tag */

static uint32_t from_hex(const char *text, uint8_t *bytes)
{
    uint32_t count = 0;
    unsigned int value;
    while (count < MOST && sscanf(text + 2 * count, "%2x", &value) == 1)
        bytes[count++] = (uint8_t)value;
    return count;
}

static void show(TMR_Status status)
{
    if (status == TMR_SUCCESS || TMR_ERROR_IS_CODE(status))
        printf("%04" PRIX32, (uint32_t)TMR_STATUS_GET_VALUE(status));
    else
        printf("x%08" PRIX32, (uint32_t)status);
}

static void show_hex(const uint8_t *bytes, uint32_t count)
{
    printf(" ");
    for (uint32_t at = 0; at < count; at++)
        printf("%02X", bytes[at]);
}

static TMR_Status set(TMR_Param key, void *value)
{
    return TMR_paramSet(&reader, key, value);
}

static void string_of(TMR_Param key)
{
    char text[64] = "";
    TMR_String value = {text, sizeof text};
    if (TMR_paramGet(&reader, key, &value) == TMR_SUCCESS)
        printf(" %s", text);
}

static void tags(uint32_t milliseconds)
{
    TMR_Status status = TMR_read(&reader, milliseconds, NULL);
    show(status);
    while (status == TMR_SUCCESS && TMR_hasMoreTags(&reader) == TMR_SUCCESS) {
        TMR_TagReadData found;
        TMR_TRD_init(&found);
        if ((status = TMR_getNextTag(&reader, &found)) != TMR_SUCCESS) {
            printf(" failed ");
            show(status);
            return;
        }
        show_hex(found.tag.epc, found.tag.epcByteCount);
        printf("/%02X%02X/%04X/%" PRId32 "/%u/%" PRIu32 "/%u/%" PRIu32, found.tag.u.gen2.pc[0], found.tag.u.gen2.pc[1],
               found.tag.crc, found.rssi, found.antenna, found.frequency, found.phase, found.readCount);
    }
}

static void execute(TMR_TagOp *deed, int tells)
{
    uint8_t bytes[MOST];
    TMR_uint8List data = {bytes, MOST, 0};
    TMR_Status status = TMR_executeTagOp(&reader, deed, target, tells ? &data : NULL);
    show(status);
    if (tells && status == TMR_SUCCESS)
        show_hex(data.list, data.len);
}

static TMR_uint16List words_of(const char *text, uint16_t *words)
{
    uint8_t bytes[MOST];
    uint16_t count = (uint16_t)(from_hex(text, bytes) / 2);
    for (int at = 0; at < count; at++)
        words[at] = (uint16_t)(bytes[2 * at] << 8 | bytes[2 * at + 1]);
    TMR_uint16List list = {words, MOST / 2, count};
    return list;
}

static void run(const char *name, uint32_t first, uint32_t second, uint32_t third, const char *hex)
{
    TMR_TagOp deed;
    uint16_t words[MOST / 2];
    TMR_uint16List list = words_of(hex, words);
    uint8_t octets[MOST];
    uint32_t count = from_hex(hex, octets);
    uint32_t number = (uint32_t)strtoul(hex, NULL, 16);

    if (!strcmp(name, "version")) {
        show(TMR_SUCCESS);
        string_of(TMR_PARAM_VERSION_MODEL);
        string_of(TMR_PARAM_VERSION_SOFTWARE);
    } else if (!strcmp(name, "supported")) {
        TMR_Region list_of[32];
        TMR_RegionList regions = {list_of, 32, 0};
        show(TMR_paramGet(&reader, TMR_PARAM_REGION_SUPPORTEDREGIONS, &regions));
        for (int at = 0; at < regions.len; at++)
            printf(" %d", (int)regions.list[at]);
    } else if (!strcmp(name, "region")) {
        TMR_Region region = (TMR_Region)first, back = TMR_REGION_NONE;
        show(set(TMR_PARAM_REGION_ID, &region));
        TMR_paramGet(&reader, TMR_PARAM_REGION_ID, &back);
        printf(" %d", (int)back);
    } else if (!strcmp(name, "powers")) {
        int32_t read = (int32_t)first, write = (int32_t)second;
        TMR_Status status = set(TMR_PARAM_RADIO_READPOWER, &read);
        show(status == TMR_SUCCESS ? set(TMR_PARAM_RADIO_WRITEPOWER, &write) : status);
        TMR_paramGet(&reader, TMR_PARAM_RADIO_READPOWER, &read);
        TMR_paramGet(&reader, TMR_PARAM_RADIO_WRITEPOWER, &write);
        printf(" %" PRId32 " %" PRId32, read, write);
    } else if (!strcmp(name, "temperature")) {
        int8_t celsius = 0;
        show(TMR_paramGet(&reader, TMR_PARAM_RADIO_TEMPERATURE, &celsius));
        printf(" %d", celsius);
    } else if (!strcmp(name, "tags")) {
        tags(first);
    } else if (!strcmp(name, "any")) {
        target = NULL;
        show(TMR_SUCCESS);
    } else if (!strcmp(name, "epc")) {
        memcpy(chosen.epc, octets, count);
        chosen.epcByteCount = (uint8_t)count;
        chosen.protocol = TMR_TAG_PROTOCOL_GEN2;
        target = &filter;
        show(TMR_TF_init_tag(&filter, &chosen));
    } else if (!strcmp(name, "tid")) {
        memcpy(mask, octets, count);
        target = &filter;
        show(TMR_TF_init_gen2_select(&filter, false, TMR_GEN2_BANK_TID, 0, (uint16_t)(8 * count), mask));
    } else if (!strcmp(name, "password")) {
        TMR_GEN2_Password password = number;
        show(set(TMR_PARAM_GEN2_ACCESSPASSWORD, &password));
    } else if (!strcmp(name, "read")) {
        TMR_TagOp_init_GEN2_ReadData(&deed, (TMR_GEN2_Bank)first, second, (uint8_t)third);
        execute(&deed, 1);
    } else if (!strcmp(name, "write")) {
        TMR_TagOp_init_GEN2_WriteData(&deed, (TMR_GEN2_Bank)first, second, &list);
        execute(&deed, 0);
    } else if (!strcmp(name, "block-write")) {
        TMR_TagOp_init_GEN2_BlockWrite(&deed, (TMR_GEN2_Bank)first, second, &list);
        execute(&deed, 0);
    } else if (!strcmp(name, "write-epc")) {
        TMR_TagData epc;
        memset(&epc, 0, sizeof epc);
        memcpy(epc.epc, octets, count);
        epc.epcByteCount = (uint8_t)count;
        TMR_TagOp_init_GEN2_WriteTag(&deed, &epc);
        execute(&deed, 0);
    } else if (!strcmp(name, "lock")) {
        TMR_TagOp_init_GEN2_Lock(&deed, (uint16_t)first, (uint16_t)second, number);
        execute(&deed, 0);
    } else if (!strcmp(name, "permalock")) {
        uint16_t blocks = (uint16_t)second;
        TMR_uint16List of = {&blocks, 1, 1};
        TMR_TagOp_init_GEN2_BlockPermaLock(&deed, 1, TMR_GEN2_BANK_USER, first, &of);
        execute(&deed, 0);
    } else if (!strcmp(name, "permalocked")) {
        uint16_t blocks = 0;
        TMR_uint16List of = {&blocks, 1, 1};
        TMR_TagOp_init_GEN2_BlockPermaLock(&deed, 0, TMR_GEN2_BANK_USER, first, &of);
        execute(&deed, 1);
    } else if (!strcmp(name, "erase")) {
        TMR_TagOp_init_GEN2_BlockErase(&deed, (TMR_GEN2_Bank)first, second, (uint8_t)third);
        execute(&deed, 0);
    } else if (!strcmp(name, "kill")) {
        TMR_TagOp_init_GEN2_Kill(&deed, number);
        execute(&deed, 0);
    } else {
        printf("no such command");
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    uint8_t antenna = 1;
    char line[2 * MOST + 64];
    TMR_Status status;

    if (argc != 2)
        return 2;
    if ((status = TMR_create(&reader, argv[1])) == TMR_SUCCESS)
        status = TMR_connect(&reader);
    show(status);
    printf("\n");
    fflush(stdout);
    if (status != TMR_SUCCESS)
        return 1;
    TMR_RP_init_simple(&plan, 1, &antenna, TMR_TAG_PROTOCOL_GEN2, 1000);
    if (set(TMR_PARAM_READ_PLAN, &plan) != TMR_SUCCESS || set(TMR_PARAM_TAGOP_ANTENNA, &antenna) != TMR_SUCCESS)
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        char name[16] = "", word[3][MOST * 2] = {"", "", ""};
        int given = sscanf(line, "%15s %511s %511s %511s", name, word[0], word[1], word[2]) - 1;
        const char *hex = given > 0 ? word[given - 1] : "";
        run(name, (uint32_t)strtoul(word[0], NULL, 0), (uint32_t)strtoul(word[1], NULL, 0),
            (uint32_t)strtoul(word[2], NULL, 0), hex);
    }
    return TMR_destroy(&reader) == TMR_SUCCESS ? 0 : 1;
}
