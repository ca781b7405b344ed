/* Pictures of a run while it goes on: those of its report. */
#include "jobs.h"

#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/stop.h"
#include "tec/text.h"

#include <stdlib.h>

/* Moves the pictures of a table out of it, from a column on: those of a column are a group, COLUMN/NUMBER. */
static int take_pictures(tec_report_pictures *p, int from, tec_event_picture *out)
{
    int count = 0;
    for (int k = from; k < p->column_count; k++)
        for (int i = 0; i < p->images; i++) {
            tec_report_picture *picture = &p->column[k].picture[i];
            out[count++] = (tec_event_picture){.tag = tec_string_format("%s/%d", p->column[k].title, i),
                                               .png = picture->png,
                                               .bytes = picture->bytes,
                                               .width = picture->width,
                                               .height = picture->height};
            picture->png = NULL;
        }
    return count;
}

static size_t cells(const tec_report_pictures *p)
{
    return (size_t)p->column_count * (size_t)p->images;
}

/* Takes the pictures of the run, with what is to be said of them. */
static int take_all(tec_report_run *run, tec_event_picture **out)
{
    const size_t most = cells(&run->pictures) + cells(&run->predicted);
    for (int i = 0; i < run->note_count; i++)
        tec_warn("%s; training goes on%s", run->note[i], most > 0 ? "" : " without pictures");
    if (most == 0)
        return -1;
    *out = tec_allocate(most * sizeof **out);
    const int count = take_pictures(&run->pictures, 0, *out);
    return count + take_pictures(&run->predicted, 1, *out + count); /* the first one has the images again */
}

int tec_job_show(const void *context, tec_event_picture **out)
{
    const tec_settings *of_run = context;
    tec_settings settings = *of_run; /* borrows its texts */
    tec_report_run run = {.dir = tec_string_copy(of_run->run.dir), .name = tec_string_copy(of_run->run.dir)};
    char *path = tec_path_join(run.dir, "checkpoint.h5"), none[] = "";
    settings.report.images = none;
    settings.report.pictures = of_run->run.pictures;
    settings.report.among = 0;
    tec_progress_end();
    tec_log_enable(false); /* what is said of the model is the same every time */
    run.has_model = tec_checkpoint_read_config(path, &run.model) == TEC_OK;
    if (run.has_model)
        tec_setup_pictures(&settings, of_run, run.dir, &run);
    else
        tec_report_note(&run, "%s", tec_error_message());
    tec_log_enable(true);
    const int count = tec_stop_asked() ? 0 : take_all(&run, out); /* it may have ended in the middle */
    free(path);
    tec_report_free(&run);
    return count;
}
