/* Labels of a list file that are all numbers: what of them is no number of a class, or two ways to write one. */
#include "file_list.h"

#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

static bool is_whole(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text && !text[strspn(text, "0123456789")];
}

/* Without its sign and the zeros that say nothing. */
static const char *digits_of(const char *text)
{
    text += *text == '+';
    while (*text == '0' && text[1])
        text++;
    return text;
}

static int by_number(const void *a, const void *b)
{
    const tec_found_file *one = *(const tec_found_file *const *)a, *other = *(const tec_found_file *const *)b;
    const char *x = digits_of(one->label), *y = digits_of(other->label);
    size_t length = strlen(x), length_y = strlen(y);
    if (length != length_y)
        return (length > length_y) - (length < length_y);
    int order = strcmp(x, y);
    return order ? order : (one->line > other->line) - (one->line < other->line);
}

static tec_status check_spelling(const tec_found_file *one, const tec_found_file *other, const char *path)
{
    if (!strcmp(one->label, other->label) || strcmp(digits_of(one->label), digits_of(other->label)) != 0)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s: lines %d and %d: %s and %s are the same number: write it in one way", path,
                    one->line, other->line, one->label, other->label);
}

tec_status tec_found_check_numbers(const tec_found *found, const char *path)
{
    for (size_t i = 0; i < found->count; i++)
        if (!found->file[i].label || !is_whole(found->file[i].label))
            return TEC_OK;
    for (size_t i = 0; i < found->count; i++)
        if (*found->file[i].label == '-')
            return tec_fail(TEC_USER_ERROR,
                            "%s: line %d: label %s is negative, which no class is called where all are numbers: leave "
                            "the line out, or number the classes from 0",
                            path, found->file[i].line, found->file[i].label);
    const tec_found_file **sorted = tec_allocate(found->count * sizeof *sorted);
    tec_status status = TEC_OK;
    for (size_t i = 0; i < found->count; i++)
        sorted[i] = &found->file[i];
    if (found->count)
        qsort(sorted, found->count, sizeof *sorted, by_number);
    for (size_t i = 1; status == TEC_OK && i < found->count; i++)
        status = check_spelling(sorted[i - 1], sorted[i], path);
    free(sorted);
    return status;
}
