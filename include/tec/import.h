/* Any ViT of the ecosystem as a frozen model: wrappers are stripped, names translated to ours, the architecture
 * inferred from the tensors. Our own checkpoints are read too. Local.
 *
 * What no tensor tells (heads, eps of the layer norms, the images' normalisation) is taken from the first of: the
 * options, what stands in or beside the file (our metadata, config.json, preprocessor_config.json), a table of known
 * models, a rule. Every fact carries a word about where it comes from. */
#ifndef TEC_IMPORT_H
#define TEC_IMPORT_H

#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"
#include "tec/tensor_file.h"
#include "tec/tensor_write.h"

/* What the user says of a model file (base.heads and so on); 0 everywhere: nothing. */
typedef struct tec_import_options {
    int heads;
    double norm_eps;
    double mean[3], std[3]; /* std[0] 0: not given */
} tec_import_options;

typedef struct tec_import_facts {
    tec_model_config config; /* as in the file; kind TEC where there is a class-token MLP */
    char family[40];         /* "DINOv2", "Hugging Face ViTMAE", "timm ViT", "tec checkpoint" */
    char prefix[200];        /* what stood before every name: "teacher.backbone."; "" none */
    bool normalised;         /* are mean and std known? */
    double mean[3], std[3];
    const char *heads_from, *norm_eps_from, *mean_from; /* "base.heads", "config.json", "width / 64" */
    int unused;                                         /* tensors known to be of no use, such as a classifier */
    char unused_example[80];
} tec_import_facts;

typedef struct tec_import tec_import;

/* Opens and recognises; reads no values. TEC_USER_ERROR: as tec_tensor_file_open; no ViT in it; a ViT of a kind that is
 * not supported (names the tensor that says so); tensors left over or missing (the first few and how many); heads that
 * cannot be told (names base.heads). */
tec_status tec_import_open(tec_import **out, const char *path, const tec_import_options *options);
void tec_import_close(tec_import *import); /* NULL is fine */

const tec_import_facts *tec_import_get_facts(const tec_import *import);

/* The architecture for images of another size: TEC_USER_ERROR unless the patches divide it. */
tec_status tec_import_resize(const tec_import *import, int image_size, tec_model_config *out);

/* Fills the tensors of a frozen model of tec_import_resize's architecture: separate queries, keys and values become one
 * tensor, absent biases zero, LayerScale is folded into attn.proj and mlp.fc2, position embeddings are interpolated as
 * timm does (bicubic with antialias). TEC_USER_ERROR: a value that is not finite, a damaged file. */
tec_status tec_import_read(tec_import *import, tec_params *params, const tec_model_config *config);

/* All of the facts in one line; the caller frees it. */
char *tec_import_describe(const tec_import *import);

/* -- and out again -- */

/* Names that a model's tensors are written under. */
typedef enum tec_export_names {
    TEC_NAMES_TIMM, /* an encoder that timm's VisionTransformer gives the same features with */
    TEC_NAMES_TEC,  /* everything there is, if it has the names of TEC's public checkpoints, else the encoder under them
                     */
    TEC_NAMES_HF    /* Hugging Face's ViTModel */
} tec_export_names;

/* Tensors ready for tec_safetensors_write and tec_torch_write; names and values are owned. */
typedef struct tec_export {
    tec_tensor_out *tensor;
    int count, capacity;
    real *weight; /* the encoder's, which most of them point into */
} tec_export;

/* Reads the model. A class-token MLP is folded into cls_token but under TEC's names. TEC_USER_ERROR: also a model that
 * ViTModel cannot be (TEC_NAMES_HF). Free with tec_export_free, also after a failure. */
tec_status tec_export_model(tec_import *import, tec_export_names names, tec_export *out);
void tec_export_free(tec_export *tensors);

#endif
