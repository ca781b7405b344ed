/* Which rows of an unfinished shard are there: so that another process can go on with it. */
#include "store_parts.h"

#include "tec/crc32c.h"
#include "tec/files.h"

#include <string.h>

typedef struct record {
    tec_store_error error; /* of the rows up to this one */
    uint32_t row_crc, crc; /* of the row; of what is before, and the row's number */
} record;

static uint32_t checksum(const record *r, int64_t row)
{
    return tec_crc32c(tec_crc32c(0, r, offsetof(record, crc)), &row, sizeof row);
}

int64_t tec_store_journal_bytes(int64_t rows)
{
    return rows * (int64_t)sizeof(record);
}

tec_status tec_store_journal_note(int fd, const char *path, int64_t journal, int64_t row, uint32_t row_crc,
                                  const tec_store_error *error)
{
    record r = {.error = *error, .row_crc = row_crc};
    r.crc = checksum(&r, row);
    return tec_file_put(fd, path, &r, sizeof r, journal + tec_store_journal_bytes(row));
}

bool tec_store_journal_read(int fd, const char *path, int64_t journal, int64_t row, uint32_t *row_crc,
                            tec_store_error *error)
{
    record r;
    if (tec_file_get(fd, path, &r, sizeof r, journal + tec_store_journal_bytes(row)) != TEC_OK ||
        r.crc != checksum(&r, row))
        return false;
    *row_crc = r.row_crc;
    *error = r.error;
    return true;
}
