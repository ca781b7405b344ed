/* Module data, public. What is probably not the folder that was meant. Local; messages are one line, and the caller frees
 * them. */
#ifndef TEC_HINTS_H
#define TEC_HINTS_H

#include "tec/dataset.h"

/* What the folders of a set say about the path it was opened by, the value of `key`: folders called train and val, or
 * only one, are rarely classes. NULL: nothing. */
char *tec_hint_folders(const tec_dataset *set, const char *key, const char *path);

/* Why a set that has class folders has no labels: "..., because 1 image lies beside its class folders (a/b.jpg)". "":
 * there is no such reason. */
char *tec_hint_unlabelled(const tec_dataset *set);

/* Do two paths lead to the same images, or one to a part of the other's? By path, links followed, and by fingerprint,
 * which copies and packs share. What it says of them, in words that stand between the two paths: "holds the same images
 * as"; NULL: neither is seen. */
const char *tec_hint_shared(const tec_dataset *a, const char *a_path, const tec_dataset *b, const char *b_path);

#endif
