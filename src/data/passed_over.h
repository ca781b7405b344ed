/* Module data, private. What is in a folder of images and is no image: told apart, counted, and said in one line. Local. */
#ifndef TEC_DATA_PASSED_OVER_H
#define TEC_DATA_PASSED_OVER_H

#include "file_format.h"

#include <stdint.h>

/* Other things than files that are no images. */
typedef enum tec_passed_kind {
    TEC_PASSED_JUNK,    /* hidden, or left behind by a system: .DS_Store, ._photo.jpg, Thumbs.db, __MACOSX */
    TEC_PASSED_LINK,    /* a link that leads nowhere, and is not named as an image */
    TEC_PASSED_LOOP,    /* a link to a folder that it is in */
    TEC_PASSED_SPECIAL, /* neither a file nor a folder */
    TEC_PASSED_FOLDER,  /* a class folder without images */
    TEC_PASSED_KINDS
} tec_passed_kind;

enum { TEC_PASSED_NAMED = 3 }; /* examples that are kept */

/* Starts zeroed. */
typedef struct tec_passed_over {
    struct tec_passed_ending *ending; /* [endings], of files that are no images */
    size_t endings, room;
    int64_t files;                      /* of these */
    const tec_file_format *convertible; /* the first format of these that has a recipe; NULL: none */
    int64_t lost; /* of these and of the links, those that may have been meant as images: all but text and the like */
    struct {
        int64_t count;
        char *name[TEC_PASSED_NAMED]; /* of the first */
    } other[TEC_PASSED_KINDS];
} tec_passed_over;

void tec_passed_over_free(tec_passed_over *over);

/* Is a file or folder of this name never an image, nor a folder of them? */
bool tec_passed_over_is_junk(const char *name);

/* Is a file of this name text or the like, whatever it holds? Such files, often one beside each image, are not
 * opened. */
bool tec_passed_over_is_text(const char *name);

/* Is a file of this name, "x.jpg.bak", "x.jpg~" or "x.part", a copy or an unfinished download, if it is an image? */
bool tec_passed_over_is_leftover(const char *name);

/* Notes something, or a file that is no image. format: NULL: not known. */
void tec_passed_over_note(tec_passed_over *over, tec_passed_kind kind, const char *name);
void tec_passed_over_note_file(tec_passed_over *over, const char *name, const tec_file_format *format);

/* Adds what `more` has counted. */
void tec_passed_over_add(tec_passed_over *over, const tec_passed_over *more);

/* "20 .webp, 8 .tiff, 3 .dat (BMP)"; the caller frees it. */
char *tec_passed_over_files(const tec_passed_over *over);

/* All that there is, in one line, which the caller frees; "": nothing. */
char *tec_passed_over_text(const tec_passed_over *over);

#endif
