/* tec report: runs as one HTML page, or a run's log as CSV. */
#include "jobs.h"

#include "tec/bench.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/plan.h"
#include "tec/report.h"
#include "tec/text.h"

#include <stdlib.h>
#include <sys/stat.h>

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

/* Runs and stores that were given, and stores that runs have learnt from. */
typedef struct subjects {
    tec_report_run *run;
    tec_report_store *store;
    tec_report_bench *bench;
    tec_report_plan *plan;
    int runs, stores, benches, plans;
} subjects;

static tec_status add_store(subjects *s, const char *dir)
{
    for (int i = 0; i < s->stores; i++)
        if (tec_file_same(s->store[i].dir, dir))
            return TEC_OK;
    tec_status status = tec_report_read_store(&s->store[s->stores], dir);
    if (status == TEC_OK)
        s->stores++;
    else
        tec_report_free_store(&s->store[s->stores]);
    return status;
}

/* A store that is not at hand is not missed: the page is about the run. */
static void add_store_of(subjects *s, const tec_settings *of_run, tec_report_run *run)
{
    if (run->has_model && run->model.kind == TEC_MODEL_TEC && of_run->targets.dir[0] &&
        tec_report_is_store(of_run->targets.dir) && add_store(s, of_run->targets.dir) != TEC_OK)
        tec_report_note(run, "%s", tec_error_message());
}

static tec_status write_page(const char *out, const tec_settings *settings, subjects *s)
{
    for (int i = 0; i < s->runs; i++) {
        tec_settings of_run;
        tec_report_run *run = &s->run[i];
        tec_setup_report(run, &of_run);
        if (run->setting_count > 0 && settings->report.pictures > 0)
            tec_setup_pictures(settings, &of_run, NULL, run);
        if (run->setting_count > 0)
            add_store_of(s, &of_run, run);
        tec_settings_free(&of_run);
    }
    tec_report_tell_apart(s->run, s->runs);
    TEC_TRY(tec_report_write(
        out, &(tec_report_page){s->run, s->runs, s->store, s->stores, s->bench, s->benches, s->plan, s->plans}));
    char *what = tec_string_format("%d run%s", s->runs, tec_plural(s->runs));
    if (s->stores > 0)
        tec_string_append(&what, ", %d target store%s", s->stores, tec_plural(s->stores));
    if (s->benches > 0)
        tec_string_append(&what, ", %d machine%s", s->benches, tec_plural(s->benches));
    if (s->plans > 0)
        tec_string_append(&what, ", %d plan%s", s->plans, tec_plural(s->plans));
    tec_log("%s: %s", out, what);
    free(what);
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

/* What is no directory may be a file of `tec plan --json` or `tec bench --json`. */
static bool is_json(const char *path)
{
    struct stat info;
    return tec_string_ends_with(path, ".json") && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static tec_status add_json(subjects *s, const char *path)
{
    tec_report_plan *plan = &s->plan[s->plans];
    tec_report_bench *bench = &s->bench[s->benches];
    TEC_TRY(tec_plan_json_read(path, &plan->json));
    if (plan->json) {
        plan->path = path;
        s->plans++;
        tec_report_check_plan(plan);
        return TEC_OK;
    }
    TEC_TRY(tec_bench_json_read(path, &bench->json));
    bench->path = path;
    s->benches++;
    return TEC_OK;
}

static tec_status read_subjects(const tec_invocation *call, subjects *s)
{
    const bool csv = call->option[OPTION_CSV].times;
    for (int i = 0; i < call->file_count; i++) {
        const char *path = call->files[i];
        TEC_TRY(!csv && is_json(path)               ? add_json(s, path)
                : !csv && tec_report_is_store(path) ? add_store(s, path)
                                                    : tec_report_read(&s->run[s->runs++], path));
    }
    return TEC_OK;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    TEC_TRY(check_call(call));
    const char *out = call->option[OPTION_OUT].text;
    const size_t most = 2 * (size_t)call->file_count; /* each run may have a store */
    subjects s = {.run = tec_allocate_zeroed(most, sizeof *s.run),
                  .store = tec_allocate_zeroed(most, sizeof *s.store),
                  .bench = tec_allocate_zeroed(most, sizeof *s.bench),
                  .plan = tec_allocate_zeroed(most, sizeof *s.plan)};
    tec_status status = read_subjects(call, &s);
    if (status == TEC_OK)
        status = call->option[OPTION_CSV].times ? write_csv(out, &s.run[0]) : write_page(out, &call->settings, &s);
    for (int i = 0; i < s.runs; i++)
        tec_report_free(&s.run[i]);
    for (int i = 0; i < s.stores; i++)
        tec_report_free_store(&s.store[i]);
    for (int i = 0; i < s.benches; i++)
        json_decref(s.bench[i].json);
    for (int i = 0; i < s.plans; i++) {
        json_decref(s.plan[i].json);
        free(s.plan[i].note);
    }
    free(s.plan);
    free(s.bench);
    free(s.store);
    free(s.run);
    return status;
}

static const char *const sections[] = {"report", "run.threads", NULL};

const tec_command tec_command_report = {
    .name = "report",
    .usage = "RUN|STORE|BENCH.json|PLAN.json ... -o report.html [--csv] [-c CONFIG.yaml] [section.key=value ...]",
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
        "A target store, given by its directory or that of a run, has a section: how it is stored and with which error, "
        "the state of its shards, finished or not, and the distribution of features in some rows. A file of "
        "`tec bench --json` or `tec plan --json` has its tables.\n\n"
        "With --csv, FILE gets the log of one run for spreadsheets: a column for each member that its lines have.",
    .options = options,
    .sections = sections,
    .takes_files = true,
    .run = run,
};
