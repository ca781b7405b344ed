/* Sin-cos position embeddings. */
#include "positions.h"

#include <math.h>

static void encode(int position, int quarter, real *out)
{
    for (int i = 0; i < quarter; i++) {
        double angle = position / pow(10000, (double)i / quarter);
        out[i] = (real)sin(angle);
        out[quarter + i] = (real)cos(angle);
    }
}

void tec_positions_fill(tec_size grid, int width, real *out)
{
    int quarter = width / 4;
    for (int d = 0; d < width; d++)
        out[d] = 0;
    for (int row = 0; row < grid.height; row++)
        for (int column = 0; column < grid.width; column++) {
            out += width;
            encode(column, quarter, out);
            encode(row, quarter, out + 2 * quarter);
        }
}
