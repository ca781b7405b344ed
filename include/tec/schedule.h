/* Module optim, public. Learning-rate schedules. Local, pure. */
#ifndef TEC_SCHEDULE_H
#define TEC_SCHEDULE_H

/* Linear warm-up from 0 to `lr` over `warmup` epochs, then half a cosine down to `min_lr` at `epochs` (MAE's
 * util/lr_sched.py). `epoch` is fractional: steps done / steps per epoch. */
double tec_schedule_cosine(double epoch, double epochs, double warmup, double lr, double min_lr);

#endif
