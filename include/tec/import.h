/* Module import, public. Any ViT of the ecosystem as a frozen model: wrappers are stripped, names translated to ours,
 * and the architecture inferred from the tensors. Our own checkpoints are read too. Local.
 *
 * What no tensor tells (heads, eps of the layer norms, activation, interpolation of positions, preparation of the images)
 * is taken from the first of these that has it; every fact is kept together with a word about where it comes from:
 *   1. the options;
 *   2. our metadata in the file, then preprocessor_config.json and config.json beside it;
 *   3. a table of known models;
 *   4. a rule, such as width / 64 heads.
 * A rule is a guess, and tec_import_check_known refuses guesses that matter. */
#ifndef TEC_IMPORT_H
#define TEC_IMPORT_H

#include "tec/augment.h"
#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"
#include "tec/tensor_file.h"
#include "tec/tensor_write.h"

#include <stdbool.h>

/* How position embeddings are resampled to another grid: every family's own code does it its own way. */
typedef enum tec_interpolation {
    TEC_INTERPOLATION_ANTIALIAS, /* bicubic with antialiasing: timm, DINOv2 with registers */
    TEC_INTERPOLATION_PLAIN,     /* bicubic without: Hugging Face, MAE */
    TEC_INTERPOLATION_OFFSET,    /* the same, as if the grid were 0.1 larger: DINO, iBOT, DINOv2 */
    TEC_INTERPOLATION_CORNERS    /* without, and the corners of both grids fall together: torchvision */
} tec_interpolation;
#define TEC_INTERPOLATION_WORDS "antialias|plain|offset|corners" /* in the order of tec_interpolation */
const char *tec_interpolation_name(tec_interpolation interpolation);

/* What data.range and data.bands were in a run; range "": not known. */
typedef struct tec_import_bands {
    char range[64], chosen[400];
} tec_import_bands;

/* How the images of a run were prepared. */
typedef struct tec_import_images {
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST];
    tec_preprocessing preprocessing; /* of evaluation */
    bool upright;                    /* turned by the orientation in their EXIF data */
    tec_import_bands bands;
} tec_import_images;

/* What the user says about a model file (base.heads and so on); 0, NULL: nothing. */
typedef struct tec_import_options {
    int heads;
    double norm_eps;
    int activation, interpolation; /* 1 + tec_activation, 1 + tec_interpolation */
    tec_size image_size;           /* of its positions */
    const char *architecture;      /* its name in timm; "vit": a plain ViT */
    const char *about; /* the file that this is said of; of another one, if it is our own, none of it is heeded */
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST]; /* of the images; std[0] 0: not given */

    /* Reads from the resolved settings of a run, YAML that one of our checkpoints holds, how its images were
     * prepared. False: they cannot be read. NULL: that remains unknown. */
    bool (*read_images)(const char *yaml, tec_import_images *out);
} tec_import_options;

typedef struct tec_import_facts {
    tec_model_config config; /* as in the file; kind TEC if there is a class-token MLP, else VIT */
    char family[40];         /* "DINOv2", "Hugging Face ViTMAE", "timm ViT", "ViT of tec" */
    const char *family_from; /* "from the file's name"; NULL: its tensors tell */
    bool family_hinted;      /* a word of the file's name is all that tells: no fact that features depend on follows */
    char architecture[80];   /* its name in timm, if something says so; "" */
    char prefix[200];        /* what precedes every name: "teacher.backbone.", or "" */
    bool normalised;         /* are mean and std known? */
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST];
    tec_interpolation interpolation;
    tec_preprocessing preprocessing; /* of evaluation, as a sidecar or a classifier of ours says; else zero */
    bool upright;                    /* images were turned by their EXIF data, as a classifier of ours says */
    tec_import_bands bands;          /* as a checkpoint of ours says */
    const char *heads_from, *norm_eps_from, *mean_from; /* "base.heads", "config.json", "width / 64" */
    const char *activation_from, *interpolation_from, *preprocessing_from; /* the last NULL: nothing says so */
    const char *image_size_from;                                           /* of a rectangle; NULL: it is a square */
    bool heads_known, activation_known;                                    /* false: a guess */
    const char *blocks_unknown; /* the tensor that leaves open what its blocks compute; NULL: they are a plain ViT's */
    int classes;                /* rows of the head of our own classifiers; 0: it has none, or it is not looked at */
    int head;                   /* rows of the head of any classifier, which is not needed; 0: none was found */
    int text, pooling;       /* tensors of a text tower beside it, and of a head that pools by attention: passed over */
    int unused;              /* tensors known not to be needed, such as a classifier that is not ours */
    char unused_example[80]; /* the name of the first of them */
} tec_import_facts;

typedef struct tec_import tec_import;

/* Opens a model file and recognises its model; reads no values. TEC_USER_ERROR: as tec_tensor_file_open; it holds no
 * ViT; a ViT of a kind that is not supported (names the tensor that shows it); tensors left over or missing (names the
 * first few and how many); an unknown number of heads (names base.heads). */
tec_status tec_import_open(tec_import **out, const char *path, const tec_import_options *options);
void tec_import_close(tec_import *import); /* NULL is fine */

const tec_import_facts *tec_import_get_facts(const tec_import *import);

/* What a model is used for; each of these needs what the ones before it need. */
typedef enum tec_import_use {
    TEC_USE_WEIGHTS,  /* to copy it: what its blocks compute */
    TEC_USE_HASH,     /* to recognise it again: its activation */
    TEC_USE_FEATURES, /* to run it on pixels that are normalised: its heads */
    TEC_USE_IMAGES    /* to run it on images: how they are normalised */
} tec_import_use;

/* What this use depends on and is only guessed, in words with the keys that answer it; NULL: nothing. The caller frees
 * it. */
char *tec_import_doubts(const tec_import *import, tec_import_use use);

/* TEC_USER_ERROR: there are such doubts. */
tec_status tec_import_check_known(const tec_import *import, tec_import_use use);

/* The architecture for images of another size. TEC_USER_ERROR: the patches do not divide it. */
tec_status tec_import_resize(const tec_import *import, tec_size image_size, tec_model_config *out);

/* Fills the tensors of a frozen model with the architecture of tec_import_resize: separate queries, keys and values
 * become one tensor, missing biases zero; LayerScale is folded into attn.proj and mlp.fc2; position embeddings are
 * interpolated as the facts say. Weight matrices of nothing but zeros give a warning. TEC_USER_ERROR: a value that is not
 * finite, a damaged file. */
tec_status tec_import_read(tec_import *import, tec_params *params, const tec_model_config *config);

/* All facts in one line; the caller frees it. */
char *tec_import_describe(const tec_import *import);

/* Is `path` a file that the model was read from, under whatever name? */
bool tec_import_reads(const tec_import *import, const char *path);

/* The name of another model file in the directory of `path`; NULL: there is none. The caller frees it. */
char *tec_import_model_beside(const char *path);

/* -- export -- */

/* The names under which a model's tensors are written. */
typedef enum tec_export_names {
    TEC_NAMES_TIMM, /* the encoder, such that timm's VisionTransformer gives the same features */
    TEC_NAMES_TEC,  /* as TEC's public checkpoints: all tensors if the file has these names, else the encoder */
    TEC_NAMES_HF    /* the encoder for Hugging Face's ViTModel */
} tec_export_names;

/* Tensors for tec_safetensors_write and tec_torch_write. It owns names and values. */
typedef struct tec_export {
    tec_tensor_out *tensor;
    int count;
    size_t capacity;
    real *weight; /* the buffer that all values point into, but for the last `owners`; NULL: each has its own */
    int owners;   /* the last of them have their own */
} tec_export;

/* Reads the model; free it with tec_export_free, also after a failure. Except with TEC_NAMES_TEC a class-token MLP is
 * folded into cls_token. A classifier of ours has its head. TEC_USER_ERROR: as tec_import_read and tec_import_check_known; with TEC_NAMES_HF also a
 * model that ViTModel cannot represent. */
tec_status tec_export_model(tec_import *import, tec_export_names names, tec_export *out);
void tec_export_free(tec_export *tensors);

#endif
