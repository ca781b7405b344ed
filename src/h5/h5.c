/* Opening HDF5 files and reading their attributes, with every check that a damaged file calls for. */
#include "tec/h5.h"

#include "tec/files.h"
#include "tec/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    /* Its clean-up at exit crashes if it could not close a damaged file. */
    H5dont_atexit();
    H5open();
}

void tec_h5_start(void)
{
    pthread_once(&once, prepare);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* per thread in a thread-safe build */
}

/* -- threads -- */

static pthread_mutex_t lock;
static pthread_once_t lock_once = PTHREAD_ONCE_INIT;

static void make_lock(void)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

int tec_h5_lock(void)
{
    pthread_once(&lock_once, make_lock);
    return pthread_mutex_lock(&lock);
}

void tec_h5_unlock(const int *unused)
{
    (void)unused;
    pthread_mutex_unlock(&lock);
}

/* -- messages -- */

static herr_t keep_innermost(unsigned n, const H5E_error2_t *error, void *reason)
{
    (void)n;
    snprintf(reason, 256, "%s", error->desc ? error->desc : "");
    return 1; /* stop walking */
}

/* Keeps what stands between quotes in "file write failed: time = ..., error message = 'No space left on device',
 * ...". */
static void shorten(char *reason)
{
    char *start = strstr(reason, "error message = '");
    if (start) {
        start += strlen("error message = '");
        start[strcspn(start, "'")] = 0;
        memmove(reason, start, strlen(start) + 1);
    }
}

tec_status tec_h5_fail(tec_status status, const char *path, const char *what)
{
    char reason[256] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    shorten(reason);
    return tec_fail(status, "%s: %s%s%s", path, what, reason[0] ? ": " : "", reason);
}

/* -- files -- */

tec_status tec_h5_open(const char *path, hid_t *file)
{
    struct stat info;
    tec_h5_start();
    *file = -1;
    if (stat(path, &info) != 0)
        return tec_fail(TEC_USER_ERROR, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return tec_fail(TEC_USER_ERROR, "%s is not a file", path);
    /* HDF5 does not say why it cannot open a file. */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tec_fail(errno == EMFILE || errno == ENFILE ? TEC_SYSTEM_ERROR : TEC_USER_ERROR, "%s: %s", path,
                        tec_file_reason(errno));
    close(fd);
    if (H5Fis_hdf5(path) <= 0)
        return tec_fail(TEC_USER_ERROR, "%s is not an HDF5 file", path);
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (*file < 0)
        return tec_h5_fail(TEC_USER_ERROR, path, "cannot be opened; is it cut short or damaged?");
    return TEC_OK;
}

bool tec_h5_has(hid_t object, const char *name)
{
    tec_h5_start();
    return H5Lexists(object, name, H5P_DEFAULT) > 0;
}

bool tec_h5_has_attribute(hid_t object, const char *name)
{
    tec_h5_start();
    return H5Aexists(object, name) > 0;
}

char *tec_h5_member(hid_t group, int index)
{
    ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index, NULL, 0, H5P_DEFAULT);
    if (length < 0)
        return NULL;
    char *name = tec_allocate((size_t)length + 1);
    if (H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index, name, (size_t)length + 1,
                           H5P_DEFAULT) >= 0)
        return name;
    free(name);
    return NULL;
}

/* -- attributes -- */

static tec_status open_attribute(hid_t object, const char *path, const char *name, hid_t *attribute, hid_t *type)
{
    tec_h5_start();
    if (H5Aexists(object, name) <= 0)
        return tec_fail(TEC_USER_ERROR, "%s: attribute %s is missing", path, name);
    *attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (*attribute < 0)
        return tec_h5_fail(TEC_USER_ERROR, path, "an attribute cannot be opened");
    *type = H5Aget_type(*attribute);
    if (*type < 0) {
        H5Aclose(*attribute);
        return tec_h5_fail(TEC_USER_ERROR, path, "an attribute has no type");
    }
    return TEC_OK;
}

static hssize_t attribute_count(hid_t attribute)
{
    hid_t space = H5Aget_space(attribute);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    return count;
}

int tec_h5_attribute_numbers(hid_t object, const char *name)
{
    hid_t attribute = tec_h5_has_attribute(object, name) ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    if (attribute < 0)
        return 0;
    const hssize_t count = attribute_count(attribute);
    H5Aclose(attribute);
    return count > 0 && count < INT_MAX ? (int)count : 0;
}

bool tec_h5_is_number(hid_t type)
{
    size_t sign, exponent, exponent_bits, fraction, fraction_bits, bits = 8 * H5Tget_size(type);
    H5T_class_t class = H5Tget_class(type);
    if ((class != H5T_INTEGER && class != H5T_FLOAT) || bits > 8 * 16)
        return false;
    int offset = H5Tget_offset(type);
    if (offset < 0 || H5Tget_precision(type) == 0 || (size_t)offset + H5Tget_precision(type) > bits)
        return false;
    return class == H5T_INTEGER ||
           (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits) >= 0 && sign < bits &&
            exponent < bits && exponent_bits <= bits - exponent && fraction < bits && fraction_bits <= bits - fraction);
}

/* An enumeration (h5py's bool) is stored as its base integer; bit fields do not occur in our files. -1: not a
 * number. */
static hid_t number_type(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
    case H5T_FLOAT:
        return H5Tcopy(type);
    case H5T_ENUM:
        return H5Tget_super(type);
    default:
        return -1;
    }
}

/* HDF5 clips and truncates values that do not fit: converting back shows whether it did. */
static bool converts(const void *raw, hid_t from, hid_t to, int count, void *out)
{
    enum { SIZE = 32 };
    size_t from_size = H5Tget_size(from), to_size = H5Tget_size(to);
    for (int i = 0; i < count; i++) {
        _Alignas(16) char value[SIZE] = {0}, back[SIZE] = {0};
        const char *original = (const char *)raw + (size_t)i * from_size;
        memcpy(value, original, from_size);
        if (H5Tconvert(from, to, 1, value, NULL, H5P_DEFAULT) < 0)
            return false;
        memcpy((char *)out + (size_t)i * to_size, value, to_size);
        if (H5Tget_class(to) == H5T_FLOAT)
            continue; /* rounding is fine */
        memcpy(back, value, to_size);
        if (H5Tconvert(to, from, 1, back, NULL, H5P_DEFAULT) < 0 || memcmp(back, original, from_size) != 0)
            return false;
    }
    return true;
}

tec_status tec_h5_get_numbers(hid_t object, const char *path, const char *name, hid_t type, int count, void *out)
{
    hid_t attribute, file_type, number = -1;
    char *raw = NULL;
    tec_status status = open_attribute(object, path, name, &attribute, &file_type);
    if (status != TEC_OK)
        return status;
    number = number_type(file_type);
    if (number < 0 || !tec_h5_is_number(number) || H5Tget_size(number) != H5Tget_size(file_type)) {
        status = tec_fail(TEC_USER_ERROR, "%s: attribute %s is not a number", path, name);
        goto done;
    }
    if (attribute_count(attribute) != count) {
        status = tec_fail(TEC_USER_ERROR, "%s: attribute %s holds %lld values instead of %d", path, name,
                          (long long)attribute_count(attribute), count);
        goto done;
    }
    raw = tec_allocate_zeroed((size_t)count, H5Tget_size(file_type));
    if (H5Aread(attribute, file_type, raw) < 0)
        status = tec_h5_fail(TEC_USER_ERROR, path, "an attribute cannot be read");
    else if (!converts(raw, number, type, count, out))
        status = tec_fail(TEC_USER_ERROR, "%s: attribute %s has a value that is out of range", path, name);
done:
    free(raw);
    if (number >= 0)
        H5Tclose(number);
    H5Tclose(file_type);
    H5Aclose(attribute);
    return status;
}

static tec_status read_text(hid_t attribute, hid_t type, const char *path, char *text, size_t size)
{
    size_t length = H5Tget_size(type);
    bool variable = H5Tis_variable_str(type) > 0;
    char *value = variable ? NULL : tec_allocate_zeroed(length + 1, 1);
    tec_status status = TEC_OK;
    if (H5Aread(attribute, type, variable ? (void *)&value : value) < 0)
        status = tec_h5_fail(TEC_USER_ERROR, path, "an attribute cannot be read");
    else
        snprintf(text, size, "%s", value ? value : "");
    if (variable && value)
        H5free_memory(value);
    else
        free(value);
    return status;
}

tec_status tec_h5_get_text(hid_t object, const char *path, const char *name, char *text, size_t size)
{
    hid_t attribute, type;
    TEC_TRY(open_attribute(object, path, name, &attribute, &type));
    tec_status status;
    if (H5Tget_class(type) != H5T_STRING || attribute_count(attribute) != 1)
        status = tec_fail(TEC_USER_ERROR, "%s: attribute %s is not a string", path, name);
    else
        status = read_text(attribute, type, path, text, size);
    H5Tclose(type);
    H5Aclose(attribute);
    return status;
}

hid_t tec_h5_half_type(void)
{
    tec_h5_start();
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    if (type >= 0 &&
        (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 || H5Tset_ebias(type, 15) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}
