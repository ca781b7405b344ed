/* The steps of recognising a model file, in their order: sort its tensors, infer the architecture, gather the facts
 * that no tensor tells, read the values. */
#ifndef TEC_IMPORT_PARTS_H
#define TEC_IMPORT_PARTS_H

#include "naming.h"

#include "tec/import.h"

/* A tensor of the file that the model is made of. */
typedef struct import_piece {
    int index;           /* in the file */
    char ours[OUR_NAME]; /* number `part` of `parts` of this tensor of ours */
    int part, parts;
} import_piece;

struct tec_import {
    char *path;
    tec_tensor_file *file;
    bool own; /* a checkpoint or fixture of ours */
    const naming *naming;
    import_piece *piece;
    int pieces;
    int position_rows, position_grid; /* of the file's pos_embed: rows before the patches, patches a side */
    tec_import_facts facts;
};

/* Chooses the prefix and the naming scheme, fills pieces and what is unused. */
tec_status tec_import_select(tec_import *import);

/* The piece that is `part` of our tensor `ours`; NULL: the file has none. */
const import_piece *tec_import_find(const tec_import *import, const char *ours, int part);
const tec_tensor *tec_import_tensor(const tec_import *import, const import_piece *piece);

/* Everything of facts.config but heads and norm eps. Then, these known: is every tensor there, in its shape? */
tec_status tec_import_infer(tec_import *import);
tec_status tec_import_check_complete(const tec_import *import);

/* Family, heads, norm eps and normalisation. */
tec_status tec_import_gather_facts(tec_import *import, const tec_import_options *options);

/* What the file's metadata or a config.json beside it say: what they do not say is left as it is. */
typedef struct import_sidecar {
    int heads;
    double norm_eps;
    bool normalised;
    double mean[3], std[3];
    const char *heads_from, *norm_eps_from, *mean_from;
} import_sidecar;

/* TEC_USER_ERROR: they say that the model does what this program cannot, such as another activation. */
tec_status tec_import_read_sidecar(const tec_import *import, import_sidecar *out);

/* The patches' rows of a position embedding for another grid: in [side * side, D] -> out [new_side * new_side, D], as
 * timm's resample_abs_pos_embed (PyTorch's bicubic interpolation with antialias). */
void tec_import_resample_positions(const real *in, int side, int D, int new_side, real *out);

#endif
