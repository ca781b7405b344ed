/* What other projects call the tensors of a ViT. */
#ifndef TEC_IMPORT_NAMING_H
#define TEC_IMPORT_NAMING_H

#include <stdbool.h>

#define OUR_NAME 80 /* longest name of ours, with its 0 */
#define THEIR_NAME 120

/* In both patterns `#` stands for a block's number (theirs may also be a chunk's and a block's: DINOv2's "blocks.0.5.")
 * and `*` for "weight" or "bias". Of ours the tensor is number `part` of `parts` that are stacked (parts 0: it is the
 * whole). blocks.#.ls1 and ls2 are LayerScale's, which no tensor of ours is for. */
typedef struct name_rule {
    const char *theirs, *ours;
    int part, parts;
} name_rule;

typedef struct naming {
    const char *name;      /* "timm" stands for all that descends from it: MAE, DINO, DeiT, ... */
    const char *anchor;    /* the weight of the patch embedding, which every ViT has once */
    const name_rule *rule; /* ends with theirs NULL */
} naming;

extern const naming tec_import_namings[]; /* ends with name NULL */

/* Their name, without wrappers, in ours; false: the scheme has no such tensor. */
bool tec_import_translate(const naming *scheme, const char *theirs, char ours[OUR_NAME], int *part, int *parts);

/* The other way round, by the first rule of the scheme that has `ours`: part number `part` of it in their words.
 * Returns how many parts there are; 0: the scheme has no such tensor. */
int tec_import_translate_back(const naming *scheme, const char *ours, int part, char theirs[THEIR_NAME]);

/* Wildcards `*` for anything; `name` from its beginning. Without regard to case. */
bool tec_import_matches(const char *pattern, const char *name);

/* Does any pattern of the list (NULL ends it) match the name from its beginning, or (`anywhere`) from the beginning of
 * any of its components? */
bool tec_import_matches_any(const char *const *pattern, const char *name, bool anywhere);

/* Tensors that no feature depends on: heads, decoders, mask tokens; and, anywhere in a file, what stands beside models:
 * optimisers, losses, queues. */
extern const char *const tec_import_unused[], *const tec_import_unused_beside[];

/* What a model does that this program cannot, by the tensor that says so. */
typedef struct unsupported {
    const char *pattern, *what;
} unsupported;
extern const unsupported tec_import_unsupported[]; /* ends with pattern NULL */

#endif
