/* Classes that make figures say nothing. */
#include "classes.h"

#include "tec/log.h"
#include "tec/text.h"

#include <stdlib.h>

tec_status tec_classes_check_several(const class_table *set)
{
    int present = 0, last = 0;
    for (int c = 0; c < set->classes; c++)
        if (set->count[c] > 0) {
            present++;
            last = c;
        }
    if (present > 1)
        return TEC_OK;
    const long long images = set->count[last];
    char *remedy = set->classes == 1
                       ? tec_string_copy("give the folder that holds the class folders")
                       : tec_string_format("no other of its %d classes has an image%s", set->classes, set->limit);
    tec_status status =
        tec_fail(TEC_USER_ERROR,
                 "%s %s: %s%lld image%s of one class, %s: every answer would be right, so nothing can be "
                 "evaluated; %s",
                 set->key, set->path, images == 1 ? "its " : "all ", images, images == 1 ? " is" : "s are",
                 set->name[last], remedy);
    free(remedy);
    return status;
}

static void warn_of_absent(const class_table *train, const class_table *val)
{
    int absent = 0, first = 0;
    int64_t images = 0;
    for (int c = val->classes - 1; c >= 0; c--)
        if (val->count[c] > 0 && train->count[c] == 0) {
            absent++;
            images += val->count[c];
            first = c;
        }
    if (absent)
        tec_warn("%d %s of %s %s (%s%s) %s no image in %s %s%s: the %lld images of %s cannot be answered right", absent,
                 absent == 1 ? "class" : "classes", val->key, val->path, val->name[first], absent == 1 ? "" : ", ...",
                 absent == 1 ? "has" : "have", train->key, train->path, train->limit, (long long)images,
                 absent == 1 ? "it" : "them");
}

static void warn_of_unseen(const class_table *train, const class_table *val)
{
    int unseen = 0, first = 0;
    for (int c = train->classes - 1; c >= 0; c--)
        if (val->count[c] == 0) {
            unseen++;
            first = c;
        }
    if (unseen)
        tec_warn("%d of the %d classes of %s %s (%s%s) %s no image in %s %s%s: the figures say nothing about %s",
                 unseen, train->classes, train->key, train->path, train->name[first], unseen == 1 ? "" : ", ...",
                 unseen == 1 ? "has" : "have", val->key, val->path, val->limit, unseen == 1 ? "it" : "them");
}

void tec_classes_warn(const class_table *train, const class_table *val)
{
    warn_of_absent(train, val);
    warn_of_unseen(train, val);
    if (train->classes < 6)
        tec_warn("there are only %d classes: top-5 says nothing, look at top-1", train->classes);
}
