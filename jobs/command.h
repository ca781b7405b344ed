/* Module jobs, private. What a command (`tec pretrain ...`) is, and its command line. */
#ifndef TEC_COMMAND_H
#define TEC_COMMAND_H

#include "tec/comm.h"
#include "tec/settings.h"

#define TEC_MAX_OPTIONS 12

typedef enum tec_option_type {
    TEC_OPTION_SWITCH, /* takes no argument */
    TEC_OPTION_TEXT,
    TEC_OPTION_WHOLE,  /* a whole number, least <= x <= most */
    TEC_OPTION_NUMBER, /* a number, least < x <= most */
    TEC_OPTION_CHOICE, /* one of the words in `argument`: "timm|tec|hf" */
    TEC_OPTION_PART    /* i/n with 1 <= i <= n */
} tec_option_type;

/* --name, --name ARGUMENT or --name=ARGUMENT; if the name is one letter, -o ARGUMENT. A table of options ends with the
 * name NULL. */
typedef struct tec_option {
    const char *name; /* without dashes */
    tec_option_type type;
    const char *argument; /* its name in --help, such as "FILE"; for a choice, the words */
    const char *help;
    double least, most; /* of a number */
    double otherwise;   /* default: a number, or the index of a choice */
} tec_option;

/* The value of an option; if it is given several times, the last one counts. */
typedef struct tec_argument {
    int times;        /* how often it was given */
    const char *text; /* NULL: not given, or a switch */
    double number;    /* of TEC_OPTION_WHOLE and TEC_OPTION_NUMBER */
    int choice;       /* index of the word */
    int part, parts;  /* of i/n: i - 1 and n; 0 and 1 if not given */
} tec_argument;

/* A parsed command line. */
typedef struct tec_invocation {
    tec_settings settings;
    tec_argument option[TEC_MAX_OPTIONS]; /* in the order of the command's table */
    const char *const *files;             /* [file_count] arguments that are neither options nor key=value */
    int file_count;
} tec_invocation;

typedef struct tec_command {
    const char *name;
    const char *usage;           /* what follows `tec NAME`: "[-c CONFIG.yaml] [section.key=value ...]" */
    const char *summary;         /* one line for `tec --help`, without a full stop */
    const char *details;         /* for --help; NULL: none. Paragraphs are filled; empty and indented lines are kept */
    const tec_option *options;   /* NULL: none besides -c and --help */
    const char *const *sections; /* settings it reads, NULL-terminated: sections, or single keys such as "data.labels";
                                  * NULL: none, and no key=value is accepted */
    bool parallel;               /* runs under MPI */
    bool takes_files;            /* accepts further arguments */
    tec_status (*run)(tec_comm *comm, const tec_invocation *call);
} tec_command;

/* Every command, NULL-terminated, in the order of `tec --help`. */
extern const tec_command *const tec_commands[];

/* NULL: there is no such command. tec_command_unknown returns TEC_USER_ERROR and suggests a similar name. */
const tec_command *tec_command_find(const char *name);
tec_status tec_command_unknown(const char *name);

/* Is --help or -h among the arguments? Local, for use before MPI is started. */
bool tec_command_asks_help(int argc, char **argv);

/* Collective; the same status on every rank. Parses argv, where argv[0] is the command's name; `--` ends the options.
 * Rank 0 reads the -c file, all ranks get it. The invocation borrows argv; free it also after a failure.
 *
 * The YAML file may have any sections, so that one file serves all commands. An override in a section, or of a
 * key, that the command does not read is refused, as it would have no effect. */
tec_status tec_command_parse(const tec_command *command, const tec_comm *comm, int argc, char **argv,
                             tec_invocation *out);
void tec_invocation_free(tec_invocation *call);

/* Local, before MPI is started: run.watchdog_minutes as this process finds it in the command line and the -c file, which
 * it may not see; the default if there is any mistake in them, of which tec_command_parse tells. */
double tec_command_watchdog(const tec_command *command, int argc, char **argv);

/* Prints usage, options and settings of a command, for --help. */
void tec_command_print_help(const tec_command *command, FILE *out);

/* Prints what the program does and its commands, for `tec --help`. */
void tec_commands_print_help(FILE *out);

/* Writes "-o" or "--names" to `text`, and returns it. */
char *tec_option_dashed(const tec_option *option, char *text, size_t size);

#endif
