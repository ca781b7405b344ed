/* Module import, private. The steps of recognising a model file, in their order: select its tensors, infer the
 * architecture, gather the facts that no tensor tells, read the values. */
#ifndef TEC_IMPORT_PARTS_H
#define TEC_IMPORT_PARTS_H

#include "naming.h"
#include "tec/import.h"

#include <jansson.h>

enum { WIDEST = 1 << 15 }; /* a dimension of a model, or a side of its images */

/* A tensor of the file that is a part of the model. */
typedef struct import_piece {
    int index;           /* in the file */
    char ours[OUR_NAME]; /* it is part `part` of `parts` of this tensor of ours */
    int part, parts;
    tec_tensor tensor; /* as PyTorch would have it; of a file's tensor that becomes two of ours, the part of this one */
    int64_t before;    /* its elements before that part */
} import_piece;

struct tec_import {
    char *path;
    tec_tensor_file *file;
    bool own; /* a checkpoint or fixture of ours */
    const naming *naming;
    import_piece *piece;
    int pieces;
    int position_total, position_rows; /* rows of the file's pos_embed, and those of them before the patches */
    tec_size position_grid;            /* rows and columns of the patches that the others are of */
    int relative_rows, relative_heads; /* of the table of a relative position bias, for that grid; 0: there is none */
    tec_import_facts facts;
};

/* Chooses prefix and naming scheme; fills the pieces and counts unused tensors. */
tec_status tec_import_select(tec_import *import);

/* The piece that is `part` of our tensor `ours`, which may be shared by all blocks; NULL: the file has none. */
const import_piece *tec_import_find(const tec_import *import, const char *ours, int part);
const tec_tensor *tec_import_tensor(const tec_import *import, const import_piece *piece);

/* The shape of a tensor of JAX's, of which PyTorch would have it so; `ours`: our name. */
void tec_import_kernel_shape(const char *ours, tec_tensor *tensor);

/* Likewise its values. False: they are the same as they are stored.
 *   in, out   [stored->count] */
bool tec_import_kernel_values(const char *ours, const tec_tensor *stored, const real *in, real *out);

/* Fills facts.config except heads, norm eps and image size. */
tec_status tec_import_infer(tec_import *import);

/* Once all of facts.config is known: does every tensor exist with the right shape? */
tec_status tec_import_check_complete(const tec_import *import);

/* Fills family, heads, norm eps and normalisation. */
tec_status tec_import_gather_facts(tec_import *import, const tec_import_options *options);

/* What the file's metadata and the files beside it tell; 0, false, NULL: nothing. */
typedef struct import_sidecar {
    int heads;
    double norm_eps;
    bool normalised;
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST];
    int activation, interpolation; /* 1 + their value */
    char architecture[80];         /* timm's */
    bool plain_blocks;             /* they are those of a plain ViT */
    tec_preprocessing preprocessing;
    const char *preprocessing_from;
    tec_size image_size; /* of its positions */
    const char *image_size_from;
    bool upright;
    tec_import_bands bands;
    tec_rotary_form rotary; /* of our own checkpoints */
    double rotary_base;
    int rotary_grid, rotary_first;
    const char *heads_from, *norm_eps_from, *mean_from, *activation_from, *interpolation_from, *architecture_from;
} import_sidecar;

/* The path beside which JSON files describe the model file `path`: its own, or, if there are none and it is a link, that
 * of the first file it leads to which has some. The caller frees it. */
char *tec_import_where_described(const char *path);

/* The object in the file `name` beside `path`, which json_decref frees; NULL: there is none. What it says may be all that
 * tells a model from a plain ViT, so a damaged file and a dead link are errors: TEC_USER_ERROR. */
tec_status tec_import_read_beside(const tec_import *import, const char *path, const char *name, json_t **object);

/* Is it called as every hub calls a model that has a directory of its own (model.safetensors)? */
bool tec_import_is_hub_name(const char *path);

/* What config.json says of the vision tower: of a model that has one in a larger one, a part of it. */
const json_t *tec_import_tower_config(const json_t *config);

/* What config.json says, Hugging Face's or timm's, and preprocessor_config.json. TEC_USER_ERROR: the model computes
 * something that this program cannot. */
tec_status tec_import_read_config(const tec_import *import, const json_t *config, import_sidecar *said);
tec_status tec_import_read_preprocessor(const tec_import *import, const json_t *images, import_sidecar *said);

/* TEC_USER_ERROR: a known entry of this object of `file` has a value of another type than it should. */
tec_status tec_import_check_entries(const tec_import *import, const char *file, const json_t *object);

/* TEC_USER_ERROR: an entry of config.json asks for what a plain ViT does not compute. */
tec_status tec_import_check_graph(const tec_import *import, const json_t *config);

/* Warns of entries of preprocessor_config.json that are not heeded, `said` being what config.json says. TEC_USER_ERROR: one
 * changes the whole input. */
tec_status tec_import_check_images(const tec_import *import, const json_t *images, const import_sidecar *said);

/* Warns where one more source says other things than those `before`. */
void tec_import_warn_of_contradictions(const tec_import *import, const import_sidecar *before,
                                       const import_sidecar *now);

/* A number for each channel, three or more, or one for all; false: it is neither. Behind the last of them are zeros. */
bool tec_import_channel_values(const json_t *value, double out[TEC_BANDS_MOST]);

/* Fills the rotary positions of facts.config.variant, and of the family and what is said of heads what follows from them.
 * TEC_USER_ERROR: the architecture that is said does not fit the tensors; there are no positions at all. */
tec_status tec_import_choose_rotary(tec_import *import, import_sidecar *said);

/* Once all of facts.config is known. TEC_USER_ERROR: the file has a table of rotary positions of another kind. */
tec_status tec_import_check_rotary(const tec_import *import);

/* Does timm's architecture of that name compute what one of our variants of a ViT does? TEC_USER_ERROR: no, or it is not known. `from`
 * says who calls it so: "config.json beside it", "base.architecture", "its file name". */
tec_status tec_import_check_architecture(const tec_import *import, const char *architecture, const char *from);

/* Fills the form of facts.config.variant's blocks where timm's architecture of that name tells it, and no tensor does.
 * TEC_USER_ERROR: the tensors are not those of such a model. `from`: as above. */
tec_status tec_import_choose_blocks(tec_import *import, const char *architecture, const char *from);

/* The name of timm's architecture at the beginning of the name of the file or of its directory; false: there is
 * none. */
bool tec_import_architecture_of_path(const char *path, char *out, size_t size);

/* Does the file, or the directory of one that is called as all files of a hub (model.safetensors), have a name under
 * which a model of this family was published, by its project or timm? "augreg": timm's ViTs of Google. */
bool tec_import_is_published(const char *path, const char *family);

/* Does the file's own name have this word: not within another word ("gamma"), nor, if it ends in a digit, before more of
 * them? A hint only. */
bool tec_import_has_word(const char *path, const char *word);

/* The number of a word in "a|b|c"; -1: it is none of them. */
int tec_import_word(const char *words, const char *word);

/* TEC_USER_ERROR: they ask for what this program cannot do, such as another activation. */
tec_status tec_import_read_sidecar(const tec_import *import, const tec_import_options *options, import_sidecar *out);

/* Fills the grid of the positions and facts.config.image_size: that of the size that was said, else a square. What a file
 * beside it says counts if it fits; `must_fit`: TEC_USER_ERROR if it does not. TEC_USER_ERROR: no square, and nothing says
 * what else. */
tec_status tec_import_place_patches(tec_import *import, const import_sidecar *said, bool must_fit);

/* Resamples the patches' rows of a position embedding to another grid, as PyTorch's bicubic interpolation does.
 *   in    [grid.height * grid.width, D]
 *   out   [wanted.height * wanted.width, D] */
void tec_import_resample_positions(const real *in, tec_size grid, int D, tec_size wanted, tec_interpolation how,
                                   real *out);

#endif
