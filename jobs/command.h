/* Module jobs, private. The shape of a command (`tec pretrain ...`) and its command line. */
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
    TEC_OPTION_CHOICE, /* one of the words of `argument`: "timm|tec|hf" */
    TEC_OPTION_PART    /* i/n with 1 <= i <= n */
} tec_option_type;

/* --name, --name ARGUMENT or --name=ARGUMENT; with a name of one letter, -o ARGUMENT. A table of them ends with the
 * name NULL. */
typedef struct tec_option {
    const char *name; /* without dashes */
    tec_option_type type;
    const char *argument; /* what to call it in --help, such as "FILE"; of a choice, its words */
    const char *help;
    double least, most; /* of numbers */
    double otherwise;   /* number, or index of the choice, where the option is not given */
} tec_option;

/* What came of an option: the last one given counts. */
typedef struct tec_argument {
    int times;        /* how often it was given */
    const char *text; /* NULL: not given, or a switch */
    double number;    /* of numbers */
    int choice;       /* index of the word */
    int part, parts;  /* of i/n: i - 1 and n; 0 and 1 where the option is not given */
} tec_argument;

/* A command line after parsing: what a command works with. */
typedef struct tec_invocation {
    tec_settings settings;
    tec_argument option[TEC_MAX_OPTIONS]; /* of the command's table, in its order */
    const char *const *files;             /* arguments that are neither options nor key=value */
    int file_count;
} tec_invocation;

typedef struct tec_command {
    const char *name;
    const char *usage;           /* what follows `tec NAME`: "[-c CONFIG.yaml] [section.key=value ...]" */
    const char *summary;         /* one line for `tec --help`, without a full stop */
    const char *details;         /* of --help, NULL: none. Filled to lines; empty and indented lines stay */
    const tec_option *options;   /* NULL: none beside -c and --help */
    const char *const *sections; /* settings it reads, NULL-terminated; NULL: none, and then no key=value is taken */
    bool parallel;               /* runs under MPI */
    bool takes_files;            /* other positional arguments are allowed */
    tec_status (*run)(tec_comm *comm, const tec_invocation *call);
} tec_command;

/* Every command, NULL-terminated, in the order of `tec --help`. */
extern const tec_command *const tec_commands[];

/* NULL: there is no such command. tec_command_unknown: TEC_USER_ERROR with the nearest name. */
const tec_command *tec_command_find(const char *name);
tec_status tec_command_unknown(const char *name);

/* Is --help or -h among the arguments? Local: asked before MPI is started. */
bool tec_command_asks_help(int argc, char **argv);

/* Parses argv (argv[0] = the command's name). Rank 0 reads the -c file, all ranks get it: collective over `comm`; every
 * rank returns the same status. `--` ends the options. The invocation borrows argv; free it also after a failure.
 *
 * The YAML file may hold every section (one file serves all commands); an override of a section that the command does
 * not read is refused, since it would do nothing. */
tec_status tec_command_parse(const tec_command *command, const tec_comm *comm, int argc, char **argv,
                             tec_invocation *out);
void tec_invocation_free(tec_invocation *call);

/* Usage, options and settings of one command, as --help prints them. */
void tec_command_print_help(const tec_command *command, FILE *out);

/* The whole program: what `tec --help` prints. */
void tec_commands_print_help(FILE *out);

/* "-o" or "--names", written to `text`, which is returned. */
char *tec_option_dashed(const tec_option *option, char *text, size_t size);

#endif
