/* Memory that is always there, or the program has ended. Local. */
#ifndef TEC_MEMORY_H
#define TEC_MEMORY_H

/* malloc and calloc that end the program by tec_abort(TEC_SYSTEM_ERROR) instead of returning NULL, as nothing sensible
 * can go on without memory. Never NULL, also for 0 bytes. The result is the caller's to free(). */
void *tec_allocate(unsigned long bytes);
void *tec_allocate_zeroed(unsigned long count, unsigned long bytes);

/* Asks the system to back a block of several megabytes by huge pages, for the sake of products that walk through it in
 * long strides. Advice: nothing happens where there are none. tec_allocate_zeroed does so for what it returns. */
void tec_ask_for_huge_pages(void *block, unsigned long bytes);

#endif
