/* tec inspect of model files. */
#include "inspect.h"

#include "jobs.h"
#include "tec/tensor_file.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_line(const char *before, const char *name, const char *between, const char *text)
{
    char *shown_name = inspect_printable(name), *shown = inspect_printable(text);
    printf("%s%s%s%s\n", before, shown_name, between, shown);
    free(shown);
    free(shown_name);
}

/* -- what model it is -- */

/* "" where it is not recognised, which is said and is no failure: the file may hold something else. The caller frees
 * it. */
static char *print_model(const char *path, const tec_settings *settings)
{
    tec_import *import;
    if (tec_setup_import(settings, path, &import) != TEC_OK) {
        printf("model: not recognised: %s\n", tec_error_message());
        return tec_string_format("%s", "");
    }
    const tec_import_facts *facts = tec_import_get_facts(import);
    char *prefix = tec_string_format("%s", facts->prefix), *line = tec_import_describe(import);
    print_line("family: ", facts->family, "", "");
    print_line("model: ", line, "", "");
    free(line);
    tec_import_close(import);
    return prefix;
}

/* -- the file -- */

/* Of the model: what stands under its prefix. */
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
        char *name = inspect_printable(tensor->name);
        printf("  %s  %s  [", name, tensor->type_name);
        for (int d = 0; d < tensor->dims; d++)
            printf("%s%lld", d ? ", " : "", (long long)tensor->dim[d]);
        puts("]");
        free(name);
    }
}

tec_status inspect_tensors(const char *path, const tec_settings *settings)
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
