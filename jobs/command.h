/* The shape of a command (`tec pretrain ...`) and its command line. */
#ifndef TEC_COMMAND_H
#define TEC_COMMAND_H

#include "tec/comm.h"
#include "tec/settings.h"

#define TEC_MAX_OPTIONS 12

/* --name, --name ARGUMENT or --name=ARGUMENT; with a name of one letter, -o ARGUMENT. A table of them ends with the
 * name NULL. */
typedef struct tec_option {
    const char *name;     /* without dashes */
    const char *argument; /* what to call it in --help, such as "FILE"; NULL: a switch */
    const char *help;
} tec_option;

/* A command line after parsing: what a command works with. */
typedef struct tec_invocation {
    tec_settings settings;
    const char *value[TEC_MAX_OPTIONS]; /* argument of the i-th option of the command's table, the last one given; NULL:
                                           not given */
    int times[TEC_MAX_OPTIONS];         /* how often the i-th option was given */
    const char *const *files;           /* arguments that are neither options nor key=value */
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
void tec_command_help(const tec_command *command, FILE *out);

#endif
