/* Files of labels that are no text, or not one of lines and columns. */
#include "file_format.h"
#include "tec/label_file.h"
#include "tec/text.h"
#include "tec/utf8.h"

#include <ctype.h>
#include <string.h>

static bool has_order_mark(const char *text)
{
    return tec_string_starts_with(text, "\xFF\xFE") || tec_string_starts_with(text, "\xFE\xFF");
}

/* Letters of two bytes, of which one is 0. */
static bool is_wide(const char *text, size_t bytes)
{
    return bytes >= 2 && !text[0] != !text[1];
}

static bool is_binary(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (iscntrl((unsigned char)text[i]) && !isspace((unsigned char)text[i]))
            return true;
    return false;
}

static const char *skip_blanks(const char *text)
{
    text += tec_utf8_mark(text, strlen(text));
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

static bool is_json(const char *text)
{
    const char *first = skip_blanks(text), *end = first + strlen(first);
    while (end > first && isspace((unsigned char)end[-1]))
        end--;
    return end > first + 1 && ((*first == '{' && end[-1] == '}') || (*first == '[' && end[-1] == ']'));
}

/* That of ILSVRC2012 is what its numbers refer to. */
static tec_status refuse_matlab(const char *key, const char *path)
{
    return tec_fail(
        TEC_USER_ERROR,
        "%s %s is a MATLAB file, which is not read: write what it holds as text; of ILSVRC2012's meta.mat, lines "
        "such as `n02119789 1` for data.val_classes (\"Labels in a file\" in docs/formats.md has the command)",
        key, path);
}

tec_status tec_labels_check_text(const char *key, const char *path, const char *text, size_t bytes)
{
    const tec_file_format *format = tec_file_format_of((const uint8_t *)text, bytes);
    bool binary = is_binary(text, bytes);
    if (has_order_mark(text) || (binary && !format && is_wide(text, bytes)))
        return tec_fail(TEC_USER_ERROR, "%s %s is UTF-16: save it as UTF-8", key, path);
    if (format && !strcmp(format->name, "MATLAB"))
        return refuse_matlab(key, path);
    if (format && (binary || (format->text && *skip_blanks(text) == '<')))
        return tec_fail(TEC_USER_ERROR, "%s %s is %s: save it as text (CSV) in UTF-8", key, path, format->what);
    if (binary)
        return tec_fail(TEC_USER_ERROR,
                        "%s %s is no text (it holds control characters): save it as text (CSV) in UTF-8", key, path);
    if (is_json(text))
        return tec_fail(TEC_USER_ERROR, "%s %s is JSON: write it as text, one entry a line (CSV)", key, path);
    return TEC_OK;
}
