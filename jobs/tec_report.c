/* tec report: runs as one HTML page, or a run's log as CSV. */
#include "jobs.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/report.h"
#include "tec/text.h"

#include <stdlib.h>

enum { OPTION_OUT, OPTION_CSV };

static const tec_option options[] = {
    {"o", TEC_OPTION_TEXT, "FILE", .help = "the page (or table) to write"},
    {"csv", .help = "write the run's log.jsonl as a table, one row a line, instead of a page"},
    {0}};

static tec_status check_call(const tec_invocation *call)
{
    const char *out = call->option[OPTION_OUT].text;
    if (call->file_count == 0)
        return tec_fail(TEC_USER_ERROR, "command line: no run directory is given: tec report RUN ... -o report.html");
    if (!out)
        return tec_fail(TEC_USER_ERROR, "command line: -o is missing: tec report RUN ... -o report.html");
    if (call->option[OPTION_CSV].times && call->file_count > 1)
        return tec_fail(TEC_USER_ERROR, "command line: --csv writes the log of one run, but %d are given",
                        call->file_count);
    return tec_file_check_output(out);
}

static tec_status write_page(const char *out, const tec_settings *settings, tec_report_run *run, int count)
{
    for (int i = 0; i < count; i++) {
        tec_settings of_run;
        tec_setup_report(&run[i], &of_run);
        if (run[i].setting_count > 0 && settings->report.pictures > 0)
            tec_setup_pictures(settings, &of_run, &run[i]);
        tec_settings_free(&of_run);
    }
    tec_report_tell_apart(run, count);
    TEC_TRY(tec_report_write(out, run, count));
    tec_log("%s: %d run%s", out, count, tec_plural(count));
    return TEC_OK;
}

static tec_status write_csv(const char *out, const tec_report_run *run)
{
    if (json_array_size(run->log) == 0)
        return tec_fail(TEC_USER_ERROR, "%s/log.jsonl is missing, or has no line yet: there is no table to write",
                        run->dir);
    TEC_TRY(tec_report_write_csv(out, run));
    tec_log("%s: %zu rows", out, json_array_size(run->log));
    return TEC_OK;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    TEC_TRY(check_call(call));
    const char *out = call->option[OPTION_OUT].text;
    int count = call->file_count;
    tec_report_run *runs = tec_allocate_zeroed((size_t)count, sizeof *runs);
    tec_status status = TEC_OK;
    for (int i = 0; status == TEC_OK && i < count; i++)
        status = tec_report_read(&runs[i], call->files[i]);
    if (status == TEC_OK)
        status =
            call->option[OPTION_CSV].times ? write_csv(out, &runs[0]) : write_page(out, &call->settings, runs, count);
    for (int i = 0; i < count; i++)
        tec_report_free(&runs[i]);
    free(runs);
    return status;
}

static const char *const sections[] = {"report", "run.threads", NULL};

const tec_command tec_command_report = {
    .name = "report",
    .usage = "RUN ... -o report.html [--csv] [-c CONFIG.yaml] [section.key=value ...]",
    .summary = "show runs in one HTML page: what was run, curves, evaluations",
    .details =
        "RUN is a run directory (run.dir of `tec pretrain`, `tec finetune`, `tec knn` or `tec probe`), finished or not. "
        "The page is one file that needs neither network nor script: what was run, with which settings, the curves of "
        "log.jsonl, the evaluations in knn.json, probe.json and finetune.json. Several runs are set side by side, and "
        "what differs between them is marked. What is missing or damaged in a run is named in the page and in a "
        "warning. The same files give the same page.\n\n"
        "Where checkpoint and images are at hand, pictures show what the model makes of a few images: patch tokens as "
        "colours (their principal components), attention of the class token by head, MAE's reconstruction, or the "
        "features and the attention that a new model predicts beside those of its base. For each of them "
        "the nearest images are looked for among some of data.train (report.among), with their labels. Images are cut as for evaluation. Paths in a run's "
        "settings are looked for from where tec report is called.\n\n"
        "With --csv, FILE gets the log of one run for spreadsheets: a column for each member that its lines have.",
    .options = options,
    .sections = sections,
    .takes_files = true,
    .run = run,
};
