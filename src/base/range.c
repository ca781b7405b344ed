/* Even division of items. */
#include "tec/range.h"

#include "tec/minmax.h"

tec_range tec_share(int64_t total, int part, int parts)
{
    int64_t each = total / parts, extra = total % parts;
    return (tec_range){.first = part * each + tec_min_int64(part, extra), .count = each + (part < extra)};
}
