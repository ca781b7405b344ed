/* Module data, private. Which image of a set a line of a text file names. */
#ifndef TEC_DATA_LABEL_IMAGES_H
#define TEC_DATA_LABEL_IMAGES_H

#include "file_list.h"

typedef struct tec_label_image {
    char *path;        /* relative to the root of the set, owned */
    size_t at, length; /* its last part, without ending */
    int64_t index;
} tec_label_image;

/* Starts zeroed. */
typedef struct tec_label_images {
    tec_label_image *image; /* [count] sorted by the last part */
    size_t count;
    const char *key; /* of the setting that names the images, for messages; borrowed */
} tec_label_images;

void tec_label_images_list(tec_label_images *out, const tec_dataset *set);
/* Those that a scan has found. */
void tec_label_images_of(tec_label_images *out, const tec_found *found, const char *key);
void tec_label_images_free(tec_label_images *images);

/* The image that is called so, of all there are before a limit: by its path, by the end of it, or by a longer path, with
 * or without ending. *index -1: there is none. TEC_USER_ERROR: several. `path` and `line` are for messages. */
tec_status tec_label_images_find(const tec_label_images *images, const char *name, const char *path, int line,
                                 int64_t *index);

/* TEC_USER_ERROR: the images of the set, which are sorted bytewise, come in another order by number, in any case or folder by
 * folder, so that a list without names does not tell which is which. `path`, of the list, is for messages. */
tec_status tec_label_images_check_order(const tec_dataset *set, const char *path);

#endif
