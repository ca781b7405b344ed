/* libFuzzer: any text as a list file of images, some of which are there. The first byte says how it is read. */
#include "sets.h"

#include "tec/label_file.h"

#include <stdlib.h>

static void write_images(void)
{
    static const char *const name[] = {"a.pgm", "b.pgm", "c d/e.pgm", "c d/f,g.pgm", "1/2.pgm"};
    static bool done;
    for (size_t i = 0; i < sizeof name / sizeof *name && !done; i++)
        free(fuzz_file(name[i], FUZZ_IMAGE, FUZZ_IMAGE_BYTES));
    done = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (!bytes)
        return 0;
    const bool skip = *data & 1;
    tec_scan_notes notes = {.skip = skip};
    write_images();
    char *path = fuzz_file("list.csv", data + 1, bytes - 1);
    tec_dataset *set = fuzz_open_set(path, *data & 2 ? TEC_LABELS_FOLDERS : TEC_LABELS_AUTO, &notes, false);
    fuzz_read_set(set, false);
    tec_dataset_close(set);
    tec_scan_notes_free(&notes);
    free(path);
    return 0;
}
