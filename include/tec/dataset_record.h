/* Module data, public. Which images a run or a target store was made of, kept beside it, so that when they have changed it
 * can be said how. Local. */
#ifndef TEC_DATASET_RECORD_H
#define TEC_DATASET_RECORD_H

#include "tec/dataset.h"

/* Writes DIR/images.gz: texts that end in a 0 byte, "tec-images 1", "FINGERPRINT USED TOTAL", and "MARK PATH" of every
 * image there is, also of those that a limit leaves out. MARK is the size of the file or, of an IDX file, which has no
 * paths, the checksum of an image. Does nothing for a set whose images are in a target store. TEC_SYSTEM_ERROR: the
 * disk. */
tec_status tec_dataset_record_write(const tec_dataset *set, const char *dir);

bool tec_dataset_record_exists(const char *dir);

/* How the set differs from the one recorded in `dir`: "32 images were used, 33 are there now: left/3.jpg is new". ""
 * if it does not differ, or nothing (readable) is recorded there. The caller frees it. */
char *tec_dataset_record_difference(const tec_dataset *set, const char *dir);

#endif
