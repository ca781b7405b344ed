/* Names that have no place in the pickle of a model file. */
#include "pickle_parts.h"

#include <string.h>

/* Nothing is ever called here, so this is not for our own protection: a file that names one of these was made to attack
 * whoever loads it with another program, and its user should know. Names that honest files contain, too (getattr of
 * enumerations, functools.partial, pathlib.Path), are ignored like everything else. */
static const struct {
    const char *module; /* the first component of its name */
    const char *names;  /* first components of names, between blanks; NULL: all */
} refused[] = {
    {"os", NULL},
    {"posix", NULL},
    {"nt", NULL},
    {"sys", NULL},
    {"subprocess", NULL},
    {"_posixsubprocess", NULL},
    {"popen2", NULL},
    {"commands", NULL},
    {"pty", NULL},
    {"shutil", NULL},
    {"socket", NULL},
    {"ctypes", NULL},
    {"_ctypes", NULL},
    {"importlib", NULL},
    {"imp", NULL},
    {"runpy", NULL},
    {"pkgutil", NULL},
    {"zipimport", NULL},
    {"code", NULL},
    {"codeop", NULL},
    {"pdb", NULL},
    {"bdb", NULL},
    {"timeit", NULL},
    {"profile", NULL},
    {"cProfile", NULL},
    {"trace", NULL},
    {"webbrowser", NULL},
    {"urllib", NULL},
    {"http", NULL},
    {"ftplib", NULL},
    {"smtplib", NULL},
    {"requests", NULL},
    {"pip", NULL},
    {"ensurepip", NULL},
    {"marshal", NULL},
    {"pickle", NULL},
    {"_pickle", NULL},
    {"cPickle", NULL},
    {"signal", NULL},
    {"builtins", " eval exec execfile compile __import__ open input raw_input breakpoint globals locals vars file "},
    {"__builtin__", " eval exec execfile compile __import__ open input raw_input breakpoint globals locals vars file "},
    {"types", " FunctionType LambdaType CodeType "},
    {"torch", " load hub "},
};

/* A module may expose another one: torch.serialization has os. These are refused anywhere in a name. */
static const char anywhere[] = " os posix sys subprocess ctypes importlib builtins __builtins__ ";

static pickle_text first_part(pickle_text text)
{
    const char *dot = text.size ? memchr(text.at, '.', text.size) : NULL;
    return dot ? (pickle_text){text.at, (size_t)(dot - text.at)} : text;
}

/* Is it one of the words between blanks? */
static bool is_one_of(pickle_text text, const char *words)
{
    for (const char *at = words + 1; *at; at = strchr(at, ' ') + 1)
        if (text.size == strcspn(at, " ") && memcmp(at, text.at, text.size) == 0)
            return true;
    return false;
}

static bool has_part_of(pickle_text text, const char *words)
{
    while (text.size > 0) {
        pickle_text part = first_part(text);
        size_t used = part.size < text.size ? part.size + 1 : part.size;
        if (is_one_of(part, words))
            return true;
        text = (pickle_text){text.at + used, text.size - used};
    }
    return false;
}

bool tec_pickle_is_refused(pickle_text module, pickle_text name)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (tec_pickle_text_is(first_part(module), refused[i].module) &&
            (!refused[i].names || is_one_of(first_part(name), refused[i].names)))
            return true;
    return has_part_of(name, anywhere);
}
