/* Counts of what a scan of a folder leaves out. */
#include "passed_over.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ENDING = 12, MOST_ENDINGS = 8 }; /* bytes of an ending; endings that are named */

typedef struct tec_passed_ending {
    char ending[ENDING]; /* ".webp", in lower case; "": none */
    const char *format;  /* of the contents, where the ending does not tell it; NULL */
    int64_t count;
} passed_ending;

void tec_passed_over_free(tec_passed_over *over)
{
    free(over->ending);
    for (int kind = 0; kind < TEC_PASSED_KINDS; kind++)
        for (int i = 0; i < TEC_PASSED_NAMED; i++)
            free(over->other[kind].name[i]);
    *over = (tec_passed_over){0};
}

/* ---- telling apart ---- */

/* In any case; the last is NULL. */
static bool is_one_of(const char *name, const char *const *words)
{
    for (; *words; words++)
        if (!strcasecmp(name, *words))
            return true;
    return false;
}

bool tec_passed_over_is_junk(const char *name)
{
    static const char *const junk[] = {"Thumbs.db",
                                       "ehthumbs.db",
                                       "ehthumbs_vista.db",
                                       "desktop.ini",
                                       "Picasa.ini",
                                       "Icon\r",
                                       "__MACOSX",
                                       "@eaDir",
                                       "$RECYCLE.BIN",
                                       "#recycle",
                                       "System Volume Information",
                                       "lost+found",
                                       "__pycache__",
                                       NULL};
    return *name == '.' || is_one_of(name, junk);
}

/* The last ending, ".jpg", in lower case; "" where there is none that is worth the name. */
static void ending_of(const char *name, char ending[ENDING])
{
    const char *dot = strrchr(name, '.');
    size_t length = dot ? strlen(dot) : 0;
    *ending = 0;
    if (!dot || dot == name || length < 2 || length >= ENDING)
        return;
    for (size_t i = 1; i < length; i++)
        if (!isalnum((unsigned char)dot[i]) && dot[i] != '_' && dot[i] != '~')
            return;
    for (size_t i = 0; i <= length; i++)
        ending[i] = (char)tolower((unsigned char)dot[i]);
}

bool tec_passed_over_is_text(const char *name)
{
    static const char *const text[] = {".txt", ".json", ".jsonl",  ".xml",   ".csv", ".tsv", ".yaml", ".yml",
                                       ".md",  ".rst",  ".html",   ".htm",   ".ini", ".cfg", ".log",  ".py",
                                       ".sh",  ".md5",  ".sha256", ".ipynb", ".lst", NULL};
    char ending[ENDING];
    ending_of(name, ending);
    return is_one_of(ending, text);
}

bool tec_passed_over_is_leftover(const char *name)
{
    static const char *const leftover[] = {".bak",  ".backup", ".old",  ".orig",    ".copy",       ".save",     ".tmp",
                                           ".temp", ".swp",    ".part", ".partial", ".crdownload", ".download", NULL};
    size_t length = strlen(name);
    const char *dot = strrchr(name, '.');
    return (length > 0 && name[length - 1] == '~') || (dot && is_one_of(dot, leftover));
}

/* ---- counting ---- */

static void count_ending(tec_passed_over *over, const passed_ending *found)
{
    size_t i = 0;
    while (i < over->endings &&
           (strcmp(over->ending[i].ending, found->ending) != 0 || over->ending[i].format != found->format))
        i++;
    if (i == over->endings) {
        over->ending = tec_grow(over->ending, over->endings, &over->room, sizeof *over->ending);
        over->ending[over->endings++] = (passed_ending){.format = found->format};
        memcpy(over->ending[i].ending, found->ending, ENDING);
    }
    over->ending[i].count += found->count;
}

static void count_other(tec_passed_over *over, tec_passed_kind kind, const char *name)
{
    int64_t count = over->other[kind].count++;
    if (count < TEC_PASSED_NAMED)
        over->other[kind].name[count] = tec_string_copy(name);
}

void tec_passed_over_note(tec_passed_over *over, tec_passed_kind kind, const char *name)
{
    count_other(over, kind, name);
    over->lost += kind == TEC_PASSED_LINK;
}

void tec_passed_over_note_file(tec_passed_over *over, const char *name, const tec_file_format *format)
{
    passed_ending found = {.count = 1};
    ending_of(name, found.ending);
    found.format = format && !tec_file_format_ends(format, found.ending) ? format->name : NULL;
    count_ending(over, &found);
    if (format && format->recipe && !over->convertible)
        over->convertible = format;
    over->files++;
    over->lost += !tec_passed_over_is_text(name) && !(format && format->text);
}

void tec_passed_over_add(tec_passed_over *over, const tec_passed_over *more)
{
    for (size_t i = 0; i < more->endings; i++)
        count_ending(over, &more->ending[i]);
    for (int kind = 0; kind < TEC_PASSED_KINDS; kind++) {
        for (int64_t i = 0; i < more->other[kind].count && i < TEC_PASSED_NAMED; i++)
            count_other(over, (tec_passed_kind)kind, more->other[kind].name[i]);
        over->other[kind].count +=
            more->other[kind].count > TEC_PASSED_NAMED ? more->other[kind].count - TEC_PASSED_NAMED : 0;
    }
    if (!over->convertible)
        over->convertible = more->convertible;
    over->files += more->files;
    over->lost += more->lost;
}

/* ---- saying ---- */

static int by_count(const void *a, const void *b)
{
    const passed_ending *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->ending, y->ending);
}

char *tec_passed_over_files(const tec_passed_over *over)
{
    char *text = tec_string_copy("");
    int64_t left = over->files;
    if (over->endings)
        qsort(over->ending, over->endings, sizeof *over->ending, by_count);
    for (size_t i = 0; i < over->endings && i < MOST_ENDINGS; i++) {
        const passed_ending *e = &over->ending[i];
        tec_string_append(&text, "%s%lld %s%s%s%s", i ? ", " : "", (long long)e->count,
                          *e->ending ? e->ending : "without an ending", e->format ? " (" : "",
                          e->format ? e->format : "", e->format ? ")" : "");
        left -= e->count;
    }
    if (left > 0)
        tec_string_append(&text, ", %lld others", (long long)left);
    if (over->convertible)
        tec_string_append(&text, " (%s is converted by %s)", over->convertible->name, over->convertible->recipe);
    return text;
}

/* "5 hidden or system files (.DS_Store, Thumbs.db, __MACOSX, ...)" */
static char *describe(const tec_passed_over *over, tec_passed_kind kind)
{
    static const struct {
        const char *one, *more;
    } words[TEC_PASSED_KINDS] = {
        [TEC_PASSED_JUNK] = {"hidden or system file", "hidden or system files"},
        [TEC_PASSED_LINK] = {"dead link", "dead links"},
        [TEC_PASSED_LOOP] = {"link to a folder above it", "links to folders above them"},
        [TEC_PASSED_SPECIAL] = {"special file", "special files"},
        [TEC_PASSED_FOLDER] = {"folder without images", "folders without images"},
    };
    int64_t count = over->other[kind].count;
    char *text = tec_string_format("%lld %s (", (long long)count, count == 1 ? words[kind].one : words[kind].more);
    for (int i = 0; i < TEC_PASSED_NAMED && i < count; i++)
        tec_string_append(&text, "%s%s", i ? ", " : "", over->other[kind].name[i]);
    tec_string_append(&text, count > TEC_PASSED_NAMED ? ", ...)" : ")");
    return text;
}

char *tec_passed_over_text(const tec_passed_over *over)
{
    char *text = tec_string_copy("");
    if (over->files) {
        char *files = tec_passed_over_files(over);
        tec_string_append(&text, "%lld %s passed over: %s", (long long)over->files, over->files == 1 ? "file" : "files",
                          files);
        free(files);
    }
    for (int kind = 0; kind < TEC_PASSED_KINDS; kind++) {
        if (!over->other[kind].count)
            continue;
        char *one = describe(over, (tec_passed_kind)kind);
        tec_string_append(&text, "%s%s", *text ? "; " : "passed over: ", one);
        free(one);
    }
    return text;
}
