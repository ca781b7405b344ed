/* Module parallel, public. Has whatever started this process meant it to be alone? */
#ifndef TEC_LAUNCHER_H
#define TEC_LAUNCHER_H

#include "tec/comm.h"

/* Local, after tec_comm_start. TEC_USER_ERROR: MPI has one rank, but a launcher has started several processes, each of
 * which would do all of the work (srun without PMIx, mpirun of another MPI). The message names the launcher and the
 * remedy. TEC_SINGLE=1 in the environment: single processes are meant. Warns where a job has several tasks and this is a
 * single process outside of any launcher. */
tec_status tec_launcher_check(const tec_comm *comm);

#endif
