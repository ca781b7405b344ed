/* Is there only one order that the names of images may be meant in? */
#include "dataset_parts.h"
#include "label_images.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

/* As people and other programs sort: numbers by their value, letters in any case, folder by folder. */
static int compare_naturally(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a += strspn(a, "0");
            b += strspn(b, "0");
            size_t left = strspn(a, "0123456789"), right = strspn(b, "0123456789");
            int order = left == right ? strncmp(a, b, left) : left > right ? 1 : -1;
            if (order)
                return order;
            a += left;
            b += right;
            continue;
        }
        int left = *a == '/' ? 0 : tolower((unsigned char)*a), right = *b == '/' ? 0 : tolower((unsigned char)*b);
        if (left != right)
            return left - right;
        a++;
        b++;
    }
    return *a ? 1 : -(*b != 0);
}

/* Images are sorted bytewise, where 10.jpg comes before 2.jpg: who wrote the labels may have sorted otherwise. */
tec_status tec_label_images_check_order(const tec_dataset *set, const char *path)
{
    char name[2][PATH_MAX];
    for (int64_t i = 0; i < set->total; i++) {
        char *now = name[i % 2], *before = name[(i + 1) % 2];
        set->kind->name(set, i, now, PATH_MAX);
        if (i > 0 && compare_naturally(before, now) > 0)
            return tec_fail(
                TEC_USER_ERROR,
                "data.val_labels %s has one label a line, but the images' order cannot be told: bytewise %s "
                "comes before %s, by number, case or folder behind it; give lines with file and label",
                path, before, now);
    }
    return TEC_OK;
}
