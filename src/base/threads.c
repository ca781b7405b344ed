/* Into how many parts sums over rows are cut. */
#include "tec/threads.h"

int tec_thread_parts;
