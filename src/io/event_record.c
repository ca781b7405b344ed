/* Records of TensorBoard's event files. */
#include "tec/event_record.h"

#include "tec/crc32c.h"
#include "tec/memory.h"

#include "tensorboard.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* Before the event its length and the length's checksum, behind it its own: little-endian. */
enum { LENGTH = 8, CHECKSUM = 4, FRAME = LENGTH + CHECKSUM + CHECKSUM };

static void put_little(unsigned char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> 8 * i);
}

/* The checksum as TensorFlow masks it, since that of data that hold their own checksum would be a constant. */
static uint32_t masked_crc32c(const unsigned char *data, size_t bytes)
{
    uint32_t crc = tec_crc32c(0, data, bytes);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Appends a record to `all` [*bytes], which may move. */
static unsigned char *append_record(unsigned char *all, size_t *bytes, const Tensorboard__Event *event)
{
    const size_t length = tensorboard__event__get_packed_size(event);
    unsigned char *longer = tec_allocate(*bytes + FRAME + length), *at = longer + *bytes;
    if (all)
        memcpy(longer, all, *bytes);
    put_little(at, length, LENGTH);
    put_little(at + LENGTH, masked_crc32c(at, LENGTH), CHECKSUM);
    at += LENGTH + CHECKSUM;
    tensorboard__event__pack(event, at);
    put_little(at + length, masked_crc32c(at, length), CHECKSUM);
    *bytes += FRAME + length;
    free(all);
    return longer;
}

unsigned char *tec_event_head(double time, int64_t step, size_t *bytes)
{
    Tensorboard__SessionLog start = TENSORBOARD__SESSION_LOG__INIT;
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    char version[] = "brain.Event:2"; /* readers of older versions guess where a run was restarted */
    *bytes = 0;
    event.wall_time = time;
    event.what_case = TENSORBOARD__EVENT__WHAT_FILE_VERSION;
    event.file_version = version;
    unsigned char *records = append_record(NULL, bytes, &event);
    start.status = TENSORBOARD__SESSION_LOG__SESSION_STATUS__START;
    event.step = step;
    event.what_case = TENSORBOARD__EVENT__WHAT_SESSION_LOG;
    event.session_log = &start;
    return append_record(records, bytes, &event);
}

/* An event with these values. */
static unsigned char *make_summary(double time, int64_t step, Tensorboard__Summary__Value *value, int count,
                                   size_t *bytes)
{
    Tensorboard__Summary summary = TENSORBOARD__SUMMARY__INIT;
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    Tensorboard__Summary__Value **each = tec_allocate((size_t)count * sizeof(void *));
    for (int i = 0; i < count; i++)
        each[i] = &value[i];
    summary.n_value = (size_t)count;
    summary.value = each;
    event.wall_time = time;
    event.step = step;
    event.what_case = TENSORBOARD__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    *bytes = 0;
    unsigned char *record = append_record(NULL, bytes, &event);
    free(each);
    return record;
}

unsigned char *tec_event_numbers(double time, int64_t step, const tec_event_number *number, int count, size_t *bytes)
{
    Tensorboard__Summary__Value *value = tec_allocate((size_t)count * sizeof *value);
    for (int i = 0; i < count; i++) {
        tensorboard__summary__value__init(&value[i]);
        value[i].tag = number[i].tag;
        value[i].value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
        value[i].simple_value = (float)number[i].value;
    }
    unsigned char *record = make_summary(time, step, value, count, bytes);
    free(value);
    return record;
}

unsigned char *tec_event_pictures(double time, int64_t step, const tec_event_picture *picture, int count, size_t *bytes)
{
    Tensorboard__Summary__Value *value = tec_allocate((size_t)count * sizeof *value);
    Tensorboard__Summary__Image *image = tec_allocate((size_t)count * sizeof *image);
    for (int i = 0; i < count; i++) {
        tensorboard__summary__image__init(&image[i]);
        image[i].width = picture[i].width;
        image[i].height = picture[i].height;
        image[i].encoded_image_string.data = picture[i].png;
        image[i].encoded_image_string.len = picture[i].bytes;
        tensorboard__summary__value__init(&value[i]);
        value[i].tag = picture[i].tag;
        value[i].value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_IMAGE;
        value[i].image = &image[i];
    }
    unsigned char *record = make_summary(time, step, value, count, bytes);
    free(image);
    free(value);
    return record;
}
