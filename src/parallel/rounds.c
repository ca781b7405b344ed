/* Steps on all ranks, and agreements between them. */
#include "tec/rounds.h"

#include "tec/log.h"

tec_status tec_comm_rounds(const tec_comm *comm, const tec_rounds *r)
{
    double most = (double)r->steps;
    tec_status status = TEC_OK;
    bool stopped = false;
    tec_comm_max_double(comm, &most, 1);
    for (int64_t i = 0; i < (int64_t)most && !stopped; i++) {
        if (i < r->steps && status == TEC_OK)
            status = r->step(r->context);
        if ((i + 1) % r->each == 0 || i + 1 == (int64_t)most) {
            status = tec_comm_agree(comm, status);
            if (status != TEC_OK)
                break;
            stopped = r->stop && r->stop(r->context);
        }
    }
    tec_progress_end();
    return status;
}
