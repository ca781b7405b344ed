/* Module data, private. Which class a label in a text file means: its name or its number. */
#ifndef TEC_DATA_LABEL_CLASSES_H
#define TEC_DATA_LABEL_CLASSES_H

#include "tec/label_file.h"

typedef struct tec_named_class {
    const char *name;
    int index;
} tec_named_class;

typedef struct tec_numbered_class {
    long number;
    char *name; /* owned */
} tec_numbered_class;

typedef struct tec_label_classes {
    const tec_dataset *named;
    const tec_label_files *files;
    tec_named_class *by_name;      /* sorted by name */
    tec_numbered_class *by_number; /* of the file of classes, sorted by number */
    size_t numbered;
} tec_label_classes;

/* Free with tec_label_classes_close, also after a failure. TEC_USER_ERROR: a file of classes that is none. */
tec_status tec_label_classes_open(tec_label_classes *out, const tec_dataset *named, const tec_label_files *files);
void tec_label_classes_close(tec_label_classes *classes);

/* Is it the name of a class, or a number? */
bool tec_label_classes_know(const tec_label_classes *classes, const char *label);

/* Is it the name of a class, or is its first word one? */
bool tec_label_classes_begin(const tec_label_classes *classes, const char *label);

/* Is a class called so, of these `length` bytes? */
bool tec_label_classes_have(const tec_label_classes *classes, const char *name, size_t length);

/* The index of the class that is called so; -1: none is. */
int tec_label_classes_place(const tec_label_classes *classes, const char *name);

/* Is it a whole number that is not negative? */
bool tec_label_is_number(const char *text);

const char *tec_label_classes_name(const tec_label_classes *classes, int index);

/* TEC_USER_ERROR: no class is called so, or nobody says what the number means. Path and line are for messages. */
tec_status tec_label_classes_find(const tec_label_classes *classes, const char *label, const char *path, int line,
                                  int *index);

/* Gives the set the classes of `named`, whose names are copied. */
void tec_label_name_classes(tec_dataset *set, const tec_dataset *named);

#endif
