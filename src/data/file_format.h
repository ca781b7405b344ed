/* Module data, private. What a file is that is no image we read: by its first bytes, for messages and for listing
 * folders. Local and pure. */
#ifndef TEC_DATA_FILE_FORMAT_H
#define TEC_DATA_FILE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a file that all formats are told by. */
enum { TEC_FORMAT_BYTES = 512 };

typedef struct tec_file_format {
    const char *name;       /* "WebP" */
    const char *what;       /* for messages: "a WebP image" */
    const char *endings[5]; /* of file names, in lower case, that tell it too; at most 4, then NULL */
    const char *recipe;     /* what makes of it a file that is read; NULL: nothing in particular */
    bool image;             /* does it hold pictures? */
    bool text;              /* is it for people to read? */
} tec_file_format;

/* The format of a file that begins with these bytes, of which TEC_FORMAT_BYTES are enough; NULL: not known. */
const tec_file_format *tec_file_format_of(const uint8_t *data, size_t bytes);

/* The format of the files that cannot be opened to look. */
extern const tec_file_format tec_file_format_unreadable;

/* Is this the ending (".webp", in any case) of such files? */
bool tec_file_format_ends(const tec_file_format *format, const char *ending);

#endif
