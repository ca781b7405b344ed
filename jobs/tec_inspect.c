/* tec inspect FILE ...: shows what a model file, a checkpoint, a fixture or a target store contains. */
#include "jobs.h"

#include "tec/dataset_array.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/tensor_file.h"
#include "tec/text.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OPTION_EXPECT, OPTION_TOLERANCE };

static const tec_option options[] = {
    {"expect", TEC_OPTION_TEXT, "FILE",
     .help =
         "run the model on `images` [B, c, S, S] (normalised pixels) of this .safetensors file and compare with its "
         "`cls` and `mean` [B, D], which another program computed"},
    {"tol", TEC_OPTION_NUMBER, "X", .help = "the relative error that --expect allows (default 1e-4)", .most = 1,
     .otherwise = 1e-4},
    {0}};

/* ---- target stores ---- */

static void print_spec(const tec_store_spec *spec)
{
    char *text = tec_store_describe(spec);
    fputs(text, stdout);
    free(text);
}

static void print_store(const char *directory, const tec_store *store)
{
    const tec_store_spec *spec = tec_store_get_spec(store);
    const tec_store_error *e = tec_store_get_error(store);
    const int64_t *row;
    printf("file: %s\nformat: tec target store\nrows: %lld (images: %lld, views of each: %d)\n", directory,
           (long long)spec->samples * spec->views, (long long)spec->samples, spec->views);
    printf("void rows: %lld\nshards: %lld\nbytes: %lld\n", (long long)tec_store_void_rows(store, &row),
           (long long)tec_store_shards(spec), (long long)tec_store_bytes(store));
    printf("storage error: feature %.2e, attention %.2e (relative)\n", sqrt(e->feature_difference / e->feature_square),
           sqrt(e->attention_difference / e->attention_square));
    print_spec(spec);
}

static tec_status inspect_store(const char *directory)
{
    tec_store *store = NULL;
    char *manifest = NULL;
    size_t bytes = 0;
    tec_status status = tec_store_manifest(directory, &manifest, &bytes);
    if (status == TEC_OK)
        status = tec_store_open(&store, directory, manifest, bytes);
    if (status == TEC_OK)
        print_store(directory, store);
    tec_store_close(store);
    free(manifest);
    return status;
}

static tec_status inspect_shard(const char *path)
{
    tec_store_spec spec;
    int64_t shard;
    TEC_TRY(tec_store_read_shard_spec(path, &spec, &shard));
    int64_t first = shard * spec.shard_rows, left = spec.samples * spec.views - first;
    int64_t rows = left < spec.shard_rows ? left : spec.shard_rows;
    printf("file: %s\nformat: tec target store, shard %lld of %lld\nrows: %lld (%lld .. %lld of the store)\n", path,
           (long long)shard, (long long)tec_store_shards(&spec), (long long)rows, (long long)first,
           (long long)(first + rows - 1));
    print_spec(&spec);
    return TEC_OK;
}

/* ---- model files ---- */

static void print_line(const char *before, const char *name, const char *between, const char *text)
{
    char *shown_name = tec_string_printable(tec_string_copy(name)),
         *shown = tec_string_printable(tec_string_copy(text));
    printf("%s%s%s%s\n", before, shown_name, between, shown);
    free(shown);
    free(shown_name);
}

static void print_facts(const tec_import *import, const char *path, tec_import_use use)
{
    char *line = tec_import_describe(import), *doubts = tec_import_doubts(import, use);
    const char *from = tec_import_get_facts(import)->family_from;
    print_line("family: ", tec_import_get_facts(import)->family, from ? ", " : "", from ? from : "");
    print_line("model: ", line, "", "");
    fflush(stdout);
    if (doubts)
        tec_warn("%s: nothing in the file tells %s; commands that depend on it ask", path, doubts);
    free(doubts);
    free(line);
}

/* Prints what the model is and returns the prefix of its tensors, which the caller frees. A file without a model is not
 * an error: that is printed, and the prefix is "". */
static char *print_model(const char *path, const tec_settings *settings)
{
    tec_import *import;
    if (tec_setup_import(settings, path, &import) != TEC_OK) {
        printf("model: not recognised: %s\n", tec_error_message());
        return tec_string_copy("");
    }
    char *prefix = tec_string_copy(tec_import_get_facts(import)->prefix);
    print_facts(import, path, TEC_USE_IMAGES);
    tec_import_close(import);
    return prefix;
}

/* The number of parameters and tensors under the prefix of the model. */
static void print_sums(const tec_tensor_file *file, const char *prefix)
{
    int64_t parameters = 0;
    int tensors = 0;
    for (int i = 0; i < tec_tensor_file_count(file); i++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        if (tensor->is_float && strncmp(tensor->name, prefix, strlen(prefix)) == 0) {
            parameters += tensor->count;
            tensors++;
        }
    }
    printf("parameters: %lld in %d tensors%s", (long long)parameters, tensors, prefix[0] ? " under " : "");
    print_line("", prefix, "", "");
}

static void print_contents(const tec_tensor_file *file)
{
    if (tec_tensor_file_notes(file) > 0)
        printf("contents:\n");
    for (int i = 0; i < tec_tensor_file_notes(file); i++) {
        const tec_tensor_note *note = tec_tensor_file_note(file, i);
        print_line("  ", note->name, ": ", note->text);
    }
}

static void print_tensors(const tec_tensor_file *file)
{
    printf("tensors: %d\n", tec_tensor_file_count(file));
    for (int i = 0; i < tec_tensor_file_count(file); i++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        char *name = tec_string_printable(tec_string_copy(tensor->name));
        printf("  %s  %s  [", name, tensor->type_name);
        for (int d = 0; d < tensor->dims; d++)
            printf("%s%lld", d ? ", " : "", (long long)tensor->dim[d]);
        puts("]");
        free(name);
    }
}

static tec_status inspect_tensors(const char *path, const tec_settings *settings)
{
    tec_tensor_file *file;
    TEC_TRY(tec_tensor_file_open(&file, path));
    printf("file: %s\nformat: %s\n", tec_tensor_file_path(file), tec_tensor_file_format(file));
    char *prefix = print_model(tec_tensor_file_path(file), settings);
    print_sums(file, prefix);
    print_contents(file);
    print_tensors(file);
    free(prefix);
    tec_tensor_file_close(file);
    return TEC_OK;
}

static void print_name(const char *before, const char *name)
{
    char *shown = tec_string_printable(tec_string_copy(name));
    printf("%s%s", before, shown);
    free(shown);
}

/* ---- files of features ---- */

static tec_status inspect_features(const char *path)
{
    tec_feature_file *file;
    TEC_TRY(tec_feature_file_open(&file, path));
    const tec_feature_spec *spec = tec_feature_file_spec(file);
    const long long rows = (long long)tec_feature_file_rows(file);
    const tec_trained trained = tec_feature_file_trained(file);
    char *text = tec_feature_spec_describe(spec);
    print_line("file: ", path, "\nformat: ", "tec features");
    print_line("model: ", tec_feature_file_model(file), "\nimages: ", tec_feature_file_data(file));
    if (trained.steps >= 0)
        printf("step: %lld\n", (long long)trained.steps);
    if (trained.epochs >= 0)
        printf("epoch: %g\n", trained.epochs);
    printf("rows: %lld (images left out: %lld)\nclasses: %d\n%s", rows, (long long)spec->images - rows,
           tec_feature_file_classes(file), text);
    free(text);
    tec_feature_file_close(file);
    return TEC_OK;
}

/* ---- files of arrays ---- */

/* Prints what is in a file of arrays; *is: it is one that holds images or, as `images` says, whatever. */
static tec_status inspect_arrays(const char *path, bool images, bool *is)
{
    char *text;
    TEC_TRY(tec_dataset_arrays(path, images, &text));
    *is = text != NULL;
    if (text) {
        print_line("file: ", path, "", "");
        fputs(text, stdout);
    }
    free(text);
    return TEC_OK;
}

/* ---- archives of images ---- */

static void print_classes(const tec_dataset *set)
{
    enum { SHOWN = 3 };
    const int classes = tec_dataset_classes(set);
    printf("classes: %d", classes);
    for (int i = 0; i < classes && i < SHOWN; i++)
        print_name(i ? ", " : " (", tec_dataset_class_name(set, i));
    puts(classes > SHOWN ? ", ...)" : classes ? ")" : "");
}

static tec_status inspect_archive(const char *path)
{
    tec_dataset *set = NULL;
    char *list = NULL, name[PATH_MAX];
    size_t list_bytes = 0;
    int64_t bytes = 0;
    tec_status status = tec_dataset_scan(path, TEC_LABELS_AUTO, &list, &list_bytes);
    if (status == TEC_OK)
        status = tec_dataset_open(&set, list, list_bytes, 3, 0);
    free(list);
    if (status != TEC_OK)
        return status;
    const int archives = tec_dataset_archives(set, &bytes);
    print_line("file: ", path, "\nformat: ", "tar archive of images");
    printf("archives: %d (%lld bytes)\nimages: %lld\n", archives, (long long)bytes, (long long)tec_dataset_size(set));
    print_classes(set);
    print_line("first image: ", tec_dataset_name(set, 0, name, sizeof name), "", "");
    tec_dataset_close(set);
    return TEC_OK;
}

/* ---- which of them it is ---- */

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool directory_has(const char *directory, const char *name)
{
    char *path = tec_path_join(directory, name);
    bool has = tec_file_exists(path);
    free(path);
    return has;
}

/* "blocks.0.attn.qkv.weight", "embedding/kernel", but not "class_weight", as data sets have one; and theirs are vectors. */
static bool is_weight(const tec_tensor *t)
{
    static const char *const words[] = {"weight", "kernel", NULL};
    const char *last = t->name + strlen(t->name);
    while (last > t->name && last[-1] != '.' && last[-1] != '/')
        last--;
    return t->dims >= 2 && tec_string_find(words, last) >= 0;
}

/* Weights are arrays, too, which might be images for all that their shapes tell; their names tell more. */
static bool holds_weights(const char *path)
{
    tec_tensor_file *file;
    if (tec_tensor_file_open(&file, path) != TEC_OK)
        return false;
    bool holds = tec_string_starts_with(tec_tensor_file_format(file), "tec ");
    for (int i = 0; i < tec_tensor_file_count(file) && !holds; i++)
        holds = is_weight(tec_tensor_file_get(file, i));
    tec_tensor_file_close(file);
    return holds;
}

static tec_status inspect(const char *path, const tec_settings *settings)
{
    bool arrays;
    if (is_directory(path)) {
        if (directory_has(path, "manifest.json") || directory_has(path, "shard-00000.h5"))
            return inspect_store(path);
    } else if (strcmp(tec_path_name(path), "manifest.json") == 0) {
        char *directory = tec_path_directory(path);
        tec_status status = inspect_store(directory);
        free(directory);
        return status;
    } else if (tec_store_is_shard(path)) {
        return inspect_shard(path);
    } else if (tec_feature_file_is(path)) {
        return inspect_features(path);
    }
    if (tec_dataset_is_archive(path))
        return inspect_archive(path);
    if (holds_weights(path))
        return inspect_tensors(path, settings);
    TEC_TRY(inspect_arrays(path, !tec_string_ends_with(path, ".npy") && !tec_string_ends_with(path, ".bin"), &arrays));
    if (arrays)
        return TEC_OK;
    return inspect_tensors(path, settings);
}

/* ---- the features of a model against those that another program computed ---- */

static tec_status print_comparison(const char *path, const char *expect, const tec_comparison *found, double tolerance)
{
    tec_status status = TEC_OK;
    for (int p = 0; p < 2; p++) {
        if (!found->compared[p])
            continue;
        const char *name = tec_pooling_name((tec_pooling)p);
        printf("%s: relative error %.2e (the largest of %d images)\n", name, found->error[p], found->images);
        if (status == TEC_OK && !(found->error[p] <= tolerance))
            status =
                tec_fail(TEC_CHECK_FAILED, "%s: its features (%s) differ from those of %s by %.2e, more than --tol %g",
                         path, name, expect, found->error[p], tolerance);
    }
    if (status == TEC_OK)
        printf("the features agree with those of %s within %g\n", expect, tolerance);
    return status;
}

static tec_status check_expectation(const tec_invocation *call)
{
    const char *expect = call->option[OPTION_EXPECT].text;
    tec_import *import;
    tec_comparison found;
    if (call->file_count != 1)
        return tec_fail(TEC_USER_ERROR, "command line: --expect compares one model: tec inspect MODEL --expect %s",
                        expect);
    const char *path = call->files[0];
    TEC_TRY(tec_setup_import(&call->settings, path, &import));
    printf("file: %s\n", path);
    print_facts(import, path, TEC_USE_WEIGHTS);
    tec_status status = tec_setup_expect(import, expect, &found);
    if (status == TEC_OK)
        status = print_comparison(path, expect, &found, call->option[OPTION_TOLERANCE].number);
    tec_import_close(import);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    if (call->file_count == 0)
        return tec_fail(TEC_USER_ERROR, "no file is given: tec inspect FILE ...");
    if (call->option[OPTION_EXPECT].times)
        return check_expectation(call);
    for (int i = 0; i < call->file_count; i++) {
        if (i)
            putchar('\n');
        TEC_TRY(inspect(call->files[i], &call->settings));
    }
    return TEC_OK;
}

static const char *const sections[] = {"base", NULL};

const tec_command tec_command_inspect = {
    .name = "inspect",
    .usage = "FILE ... [--expect FILE [--tol X]] [base.key=value ...]",
    .summary = "show what a model file, a target store or a tar archive contains",
    .details =
        "FILE is a .safetensors file or the index of a sharded one, a PyTorch file (.pth, .pt, "
        ".bin, in zip format or older), a ViT of Google's (.npz), a tec checkpoint, a golden fixture, a target store "
        "(its directory, its manifest or a shard), a file of features (.h5), a file of arrays (.npy, .npz, .h5, CIFAR) with "
        "images, or a directory with model.safetensors, pytorch_model.bin or checkpoint.h5. Of a tar archive of images, a folder "
        "or pattern of several, it says how many images and classes there are. No code in the file is executed.\n\n"
        "Prints format, family and architecture of the model, as `base.model=FILE` would read it, the "
        "number of parameters, what else is in the file, and every tensor with its type and shape. What nothing in the "
        "file tells, and features depend on, is a warning that names the key of section base that answers it.\n\n"
        "--expect checks a model against the program that it comes from. Exit code 0 if the features agree, 1 if "
        "they differ, 2 if the model is refused. In Python, with `model` in evaluation mode:\n\n"
        "    import torch\n"
        "    from safetensors.torch import save_file\n"
        "    images = torch.randn(2, 3, 224, 224)\n"
        "    with torch.no_grad():\n"
        "        tokens = model.forward_features(images)     # timm; in Hugging Face\n"
        "        # tokens = model(images).last_hidden_state\n"
        "        # where the norm comes after pooling: model.fc_norm of both features below\n"
        "    first = 1                                       # tokens before the patches\n"
        "    save_file({\"images\": images, \"cls\": tokens[:, 0].contiguous(),\n"
        "               \"mean\": tokens[:, first:].mean(1)}, \"expect.safetensors\")",
    .options = options,
    .sections = sections,
    .takes_files = true,
    .run = run,
};
