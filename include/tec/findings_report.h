/* Module parallel, public. Warnings about what was found in the images of a data set while it was read. */
#ifndef TEC_FINDINGS_REPORT_H
#define TEC_FINDINGS_REPORT_H

#include "tec/comm.h"
#include "tec/dataset.h"

/* Collective. Warns on rank 0, in a line each: how many images of `what` ("the training set") were read although they
 * are damaged, by kind and with the name of the first; how many have an EXIF orientation that is ignored; that the
 * values of nine tenths of them, but for single pixels, lie in less than a quarter of their range, unless that has been
 * said in the same words. An image that several ranks met counts once. */
void tec_findings_report(const tec_dataset *set, const tec_comm *comm, const char *what);

#endif
