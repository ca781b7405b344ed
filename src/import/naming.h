/* Module import, private. What other projects call the tensors of a ViT. */
#ifndef TEC_IMPORT_NAMING_H
#define TEC_IMPORT_NAMING_H

#include <stdbool.h>

#define OUR_NAME 80    /* bytes of our longest name, with its 0 */
#define THEIR_NAME 120 /* likewise of theirs */

/* A tensor of theirs is the tensor `ours` (parts 0) or part number `part` of `parts` that are stacked into it. In both
 * patterns `#` stands for the number of a block (in theirs also for those of a chunk and a block: DINOv2's
 * "blocks.0.5.") and `*` for "weight" or "bias". blocks.#.ls1 and ls2, or ls of both branches, are LayerScale's, for
 * which our models have no tensor. */
typedef struct name_rule {
    const char *theirs, *ours;
    int part, parts;
} name_rule;

#define SHARED_BIAS "rel_pos_bias" /* a table of a relative position bias that all blocks share; ours have one each */

/* What parallel blocks begin with: the rows of the MLP's first linear, and below them queries, keys and values. Such a
 * tensor becomes two of ours (select.c). */
#define IN_PROJ "in_proj"

typedef struct naming {
    const char *name;      /* "timm" includes everything derived from it: MAE, DINO, DeiT, ... */
    const char *anchor;    /* a tensor by which models are found, the patch embedding's mostly: every one has it once */
    const name_rule *rule; /* ends with theirs NULL */
    const char *pooling;   /* its head that pools by attention, a pattern: no token depends on it; NULL: it has none */
    bool kernels;          /* matrices are as JAX has them (kernels.c) */
} naming;

extern const naming tec_import_namings[]; /* ends with name NULL */

/* Translates their name, without wrappers, to ours. False: the scheme has no such tensor. */
bool tec_import_translate(const naming *scheme, const char *theirs, char ours[OUR_NAME], int *part, int *parts);

/* The reverse, by the first rule of the scheme for `ours`: their name of its part `part`. Returns the number of parts;
 * 0: the scheme has no such tensor. */
int tec_import_translate_back(const naming *scheme, const char *ours, int part, char theirs[THEIR_NAME]);

/* Does the pattern, in which `*` stands for anything, match the whole name, ignoring case? */
bool tec_import_matches(const char *pattern, const char *name);

/* Does any pattern of the list, which ends with NULL, match the name or, with `anywhere`, what follows any dot in
 * it? */
bool tec_import_matches_any(const char *const *pattern, const char *name, bool anywhere);

/* Tensors that no feature depends on: those of models (heads, decoders, mask tokens), and those that training code
 * keeps beside a model (optimisers, losses, queues). */
extern const char *const tec_import_unused[], *const tec_import_unused_beside[];

/* Tensors of a text tower or a language model beside a vision tower, and of what ties them together: no feature of an image
 * depends on them. */
extern const char *const tec_import_text[];

/* What this program cannot do, by the tensor that shows that a model needs it. */
typedef struct unsupported {
    const char *pattern, *what;
} unsupported;
extern const unsupported tec_import_unsupported[]; /* ends with pattern NULL */

#endif
