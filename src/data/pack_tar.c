/* As much of tar as a pack needs: regular files, named by a ustar header or, where the name is long, by a pax
 * header. */
#include "pack_parts.h"

#include <stdio.h>
#include <string.h>

/* The length of the pax record "LENGTH path=PATH\n", in which LENGTH counts its own digits too. */
static int record_bytes(const char *path)
{
    int rest = (int)strlen(path) + (int)strlen(" path=\n"), length = rest + 1;
    while (length != rest + snprintf(NULL, 0, "%d", length))
        length++;
    return length;
}

static bool is_long(const char *path)
{
    return strlen(path) > TAR_NAME_BYTES;
}

unsigned tec_tar_checksum(const char *block)
{
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool itself = i >= offsetof(tar_header, checksum) &&
                      i < offsetof(tar_header, checksum) + sizeof(((tar_header *)0)->checksum);
        sum += itself ? ' ' : (unsigned char)block[i];
    }
    return sum;
}

int64_t tec_pack_entry_head(const char *path)
{
    return TAR_BLOCK + (is_long(path) ? TAR_BLOCK + tec_tar_padded(record_bytes(path)) : 0);
}

int64_t tec_pack_entry_bytes(const char *path, int64_t bytes)
{
    return tec_pack_entry_head(path) + tec_tar_padded(bytes);
}

static void put_text(char *field, size_t size, const char *text)
{
    size_t length = strnlen(text, size);
    memcpy(field, text, length);
}

/* No times and no owners: the same files make the same pack. */
static void fill_header(const char *name, int64_t bytes, char type, char *block)
{
    tar_header h = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    char number[32];
    put_text(h.name, sizeof h.name, name);
    put_text(h.mode, sizeof h.mode, "0000644");
    put_text(h.uid, sizeof h.uid, "0000000");
    put_text(h.gid, sizeof h.gid, "0000000");
    put_text(h.mtime, sizeof h.mtime, "00000000000");
    snprintf(number, sizeof number, "%011llo", (unsigned long long)bytes);
    put_text(h.size, sizeof h.size, number);
    memset(h.checksum, ' ', sizeof h.checksum);
    memcpy(block, &h, sizeof h);
    snprintf(number, sizeof number, "%06o", tec_tar_checksum(block));
    memcpy(block + offsetof(tar_header, checksum), number, 7);
}

void tec_pack_entry_write_head(const char *path, int64_t bytes, char *head)
{
    memset(head, 0, (size_t)tec_pack_entry_head(path));
    if (is_long(path)) {
        int length = record_bytes(path);
        fill_header("pax", length, 'x', head);
        snprintf(head + TAR_BLOCK, (size_t)length + 1, "%d path=%s\n", length, path);
        head[TAR_BLOCK + length] = 0;
        head += TAR_BLOCK + tec_tar_padded(length);
    }
    fill_header(path, bytes, '0', head);
}
