/* Opening a model file as a ViT, in the order of the steps, and describing what was recognised. */
#include "import_parts.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Ours, timm's and MAE's; torchvision's; DINO's and BEiT's linear evaluation; Hugging Face's. */
static const char *const heads[] = {"head.weight",       "heads.head.weight",     "fc.weight",
                                    "classifier.weight", "cls_classifier.weight", NULL};

/* Below the prefix, or where the encoder's is not the classifier's, at the top. */
static const tec_tensor *find_head(const tec_import *import, const char *prefix)
{
    const tec_tensor *found = NULL;
    for (int i = 0; heads[i] && !found; i++) {
        char *name = tec_string_format("%s%s", prefix, heads[i]);
        int index = tec_tensor_file_find(import->file, name);
        found = index < 0 ? NULL : tec_tensor_file_get(import->file, index);
        free(name);
    }
    return found;
}

/* What its rows stand for is known of our own classifiers only. */
static void note_head(tec_import *import)
{
    const tec_tensor *head = find_head(import, import->facts.prefix);
    if (!head)
        head = find_head(import, "");
    if (head && head->dims == 2 && head->dim[1] == import->facts.config.width && head->dim[0] < 1 << 15)
        import->facts.head = (int)head->dim[0];
    import->facts.classes = import->own ? import->facts.head : 0;
}

static tec_status recognise(tec_import *import, const tec_import_options *options)
{
    import->own = tec_string_starts_with(tec_tensor_file_format(import->file), "tec ");
    TEC_TRY(tec_import_select(import));
    TEC_TRY(tec_import_infer(import));
    TEC_TRY(tec_import_gather_facts(import, options));
    note_head(import);
    TEC_TRY(tec_import_check_complete(import));
    tec_model_config encoder = import->facts.config;
    encoder.kind = TEC_MODEL_VIT;
    if (tec_model_config_check(&encoder) != TEC_OK)
        return tec_fail(TEC_USER_ERROR, "%s: %s", import->path, tec_error_message());
    return tec_import_check_rotary(import);
}

tec_status tec_import_open(tec_import **out, const char *path, const tec_import_options *options)
{
    tec_import *import = tec_allocate_zeroed(1, sizeof *import);
    *out = NULL;
    import->path = tec_string_copy(path);
    tec_status status = tec_tensor_file_open(&import->file, path);
    if (status == TEC_OK)
        status = recognise(import, options);
    if (status == TEC_OK)
        *out = import;
    else
        tec_import_close(import);
    return status;
}

void tec_import_close(tec_import *import)
{
    if (!import)
        return;
    tec_tensor_file_close(import->file);
    free(import->piece);
    free(import->path);
    free(import);
}

const tec_import_facts *tec_import_get_facts(const tec_import *import)
{
    return &import->facts;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* The notes of an index are about its shards, by their paths. */
bool tec_import_reads(const tec_import *import, const char *path)
{
    bool found = is_same_file(path, tec_tensor_file_path(import->file));
    if (strcmp(tec_tensor_file_format(import->file), "index of shards") == 0)
        for (int i = 0; i < tec_tensor_file_notes(import->file) && !found; i++)
            found = is_same_file(path, tec_tensor_file_note(import->file, i)->name);
    return found;
}

/* The bias is known for one grid; public code interpolates it, each in a way of its own. Likewise the positions of a
 * Perception Encoder under its own names: timm's copies scale those that turn, which its own code does not. */
static tec_status check_grid(const tec_import *import, tec_size image_size, tec_size grid)
{
    char is[TEC_SIZE_TEXT], wanted[TEC_SIZE_TEXT];
    const tec_vit_variant *v = &import->facts.config.variant;
    const bool bias = v->relative_bias, turned = v->rotary == TEC_ROTARY_COLUMNS && !import->own &&
                                                 strcmp(import->naming->name, "OpenCLIP") == 0;
    if ((!bias && !turned) || tec_size_equal(grid, import->position_grid))
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s has %s for its own images only, and those of %s pixels (data.image_size) "
                    "are not: give data.image_size=%s",
                    import->path, bias ? "a relative position bias" : "positions", tec_size_words(image_size, is),
                    tec_size_list(import->facts.config.image_size, wanted));
}

tec_status tec_import_resize(const tec_import *import, tec_size image_size, tec_model_config *out)
{
    char is[TEC_SIZE_TEXT], possible[TEC_SIZE_TEXT];
    *out = import->facts.config;
    out->image_size = image_size;
    const tec_size grid = tec_model_grid(out);
    const int patch = out->patch;
    const bool enough = grid.height * grid.width >= 2, high = image_size.height % patch == 0;
    if (enough && high && image_size.width % patch == 0)
        return check_grid(import, image_size, grid);
    return tec_fail(
        TEC_USER_ERROR,
        "%s has patches of %d x %d pixels, which do not divide %simages of %s pixels (data.image_size): %s "
        "would do",
        import->path, patch, patch,
        tec_size_is_square(image_size) || !enough ? ""
        : high                                    ? "the width of "
                                                  : "the height of ",
        tec_size_words(image_size, is),
        tec_size_list(enough ? (tec_size){grid.height * patch, grid.width * patch} : import->facts.config.image_size,
                      possible));
}

/* "; distillation token, 4 registers, SwiGLU" */
static void describe_variant(const tec_vit_variant *v, FILE *out)
{
    if (v->no_class_token)
        fputs(", no class token", out);
    if (v->distillation_token)
        fputs(", distillation token", out);
    if (v->registers)
        fprintf(out, ", %d registers", v->registers);
    if (v->pre_norm)
        fputs(", norm before the blocks", out);
    if (v->fc_norm)
        fputs(", norm after pooling", out);
    if (v->no_norm)
        fputs(", no final norm", out);
    if (v->swiglu)
        fputs(", SwiGLU", out);
    if (v->block)
        fprintf(out, ", %s", tec_block_form_words(v->block));
    if (v->rotary == TEC_ROTARY_MIXED)
        fprintf(out, ", rotary positions (learnt by each head%s)", v->no_pos_embed ? ", no others" : "");
    else if (v->rotary)
        fprintf(out, ", rotary positions (base %g%s)", v->rotary_base, v->no_pos_embed ? ", no others" : "");
    if (v->relative_bias)
        fprintf(out, ", relative position bias%s", v->no_pos_embed ? ", no other positions" : "");
    if (v->attn_norm)
        fputs(", norm in the attention", out);
    if (v->mlp_norm)
        fputs(", norm in the MLPs", out);
}

static void describe_activation(const tec_import_facts *f, FILE *out)
{
    const tec_vit_variant *v = &f->config.variant;
    if (!v->swiglu && (v->activation != TEC_ACTIVATION_GELU || !f->activation_known))
        fprintf(out, "; %s (%s)", tec_activation_name(v->activation), f->activation_from);
}

/* "; images resized by bicubic, crop_pct 0.9 (config.json)" */
static void describe_preprocessing(const tec_import_facts *f, FILE *out)
{
    const tec_preprocessing *p = &f->preprocessing;
    if (!f->preprocessing_from)
        return;
    fprintf(out, "; images resized%s",
            p->resize != TEC_RESIZE_SQUASH             ? ""
            : tec_size_is_square(f->config.image_size) ? " to a square"
                                                       : " to its shape");
    if (p->filter != TEC_FILTER_AUTO)
        fprintf(out, " by %s", tec_filter_name(p->filter));
    if (p->crop_pct > 0)
        fprintf(out, ", crop_pct %.4g", p->crop_pct);
    fprintf(out, " (%s)", f->preprocessing_from);
}

static void describe_normalisation(const tec_import_facts *f, FILE *out)
{
    if (!f->normalised) {
        fputs("; normalisation of its images not known", out);
        return;
    }
    fputs("; mean", out);
    for (int i = 0; i < f->config.channels && i < TEC_BANDS_MOST; i++)
        fprintf(out, "%s%g", i ? "," : " ", f->mean[i]);
    fputs(" std", out);
    for (int i = 0; i < f->config.channels && i < TEC_BANDS_MOST; i++)
        fprintf(out, "%s%g", i ? "," : " ", f->std[i]);
    fprintf(out, " (%s)", f->mean_from);
}

char *tec_import_describe(const tec_import *import)
{
    const tec_import_facts *f = &import->facts;
    const tec_model_config *c = &f->config;
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    fprintf(out, "%s: %s", import->path, f->family);
    if (f->family_from)
        fprintf(out, " (%s)", f->family_from);
    fprintf(out, ", %s", tec_tensor_file_format(import->file));
    if (f->prefix[0])
        fprintf(out, " under `%s`", f->prefix);
    fprintf(out, ": width %d, %d blocks, %d heads (%s), MLP %d, patch %d, %d x %d x %d pixels", c->width, c->depth,
            c->heads, f->heads_from, tec_model_hidden(c), c->patch, c->image_size.height, c->image_size.width,
            c->channels);
    if (f->image_size_from)
        fprintf(out, " (height x width x channels: %s)", f->image_size_from);
    describe_variant(&c->variant, out);
    if (f->classes)
        fprintf(out, ", a head for %d classes", f->classes);
    describe_activation(f, out);
    fprintf(out, "; norm eps %g (%s)", c->variant.norm_eps, f->norm_eps_from);
    describe_normalisation(f, out);
    describe_preprocessing(f, out);
    if (f->text)
        fprintf(out, "; its text tower passed over (%d tensor%s)", f->text, tec_plural(f->text));
    if (f->pooling)
        fprintf(out, "; its head that pools by attention passed over (%d tensor%s): features are of its patches",
                f->pooling, tec_plural(f->pooling));
    if (f->unused)
        fprintf(out, "; %d tensor%s not needed (%s%s)", f->unused, f->unused > 1 ? "s" : "", f->unused_example,
                f->unused > 1 ? " ..." : "");
    if (fclose(out) != 0 || !text)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    return tec_string_printable(text); /* names come from the file */
}
