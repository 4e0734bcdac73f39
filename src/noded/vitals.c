/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vitals.c - reads /proc, /sys and the sensors. Called by collect.c, the slow half on a thread of
 * libuv's pool, one call at a time.
 *
 * Only what is of this node: of file systems those on local disks and in memory; of network
 * interfaces those with a device behind them, not loopback and bridges.
 */
#include "config.h"

#include "noded/vitals.h"

#include <dirent.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef HAVE_SENSORS
#include <sensors/sensors.h>
#endif

#include "common/text.h"
#include "noded/memory.h"

#define PATH_BYTES 512
#define DISKS_MAX 12
#define SENSORS_MAX 12
#define INTERFACES_MAX 8

void ft_vitals_begin(struct ft_vitals *vitals)
{
    vitals->n = vitals->left_out = 0;
}

static void add(struct ft_vitals *vitals, enum ft_reading what, const char *of, double value)
{
    struct ft_vital *vital = &vitals->read[vitals->n];

    if (vitals->n == FT_VITALS_MAX) {
        vitals->left_out++;
        return;
    }
    vitals->n++;
    vital->what = what;
    vital->value = value;
    ft_text_copy(vital->of, sizeof vital->of, of);
}

/* A file that holds one number. */
static bool read_number(const char *path, double *value)
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fscanf(file, "%lf", value) == 1;

    if (file != NULL)
        fclose(file);
    return good;
}

/* ---------------------------------------------------------------- quick ones */

static void read_memory(struct ft_vitals *vitals, const char *root)
{
    char path[PATH_BYTES], line[256];
    double total_kib = 0;
    uint64_t free_bytes;
    FILE *file;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemTotal: %lf", &total_kib) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    if (total_kib > 0)
        add(vitals, FT_READING_MEMORY_TOTAL, "", total_kib * 1024);
    if (ft_memory_free(root, &free_bytes) == 0)
        add(vitals, FT_READING_MEMORY_FREE, "", (double)free_bytes);
}

/* /proc/stat: user nice system idle iowait irq softirq steal, in ticks since boot. */
static void read_processors(struct ft_vitals *vitals, const char *root)
{
    char path[PATH_BYTES];
    double tick[8] = {0}, all = 0, busy;
    FILE *file;
    int n;

    snprintf(path, sizeof path, "%s/proc/stat", root);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    n = fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &tick[0], &tick[1], &tick[2], &tick[3],
               &tick[4], &tick[5], &tick[6], &tick[7]);
    fclose(file);
    if (n < 4)
        return;
    for (int i = 0; i < n; i++)
        all += tick[i];
    busy = all - tick[3] - tick[4];
    if (vitals->all_before > 0 && all > vitals->all_before && busy >= vitals->busy_before)
        add(vitals, FT_READING_CPU_BUSY, "",
            (busy - vitals->busy_before) / (all - vitals->all_before));
    vitals->busy_before = busy;
    vitals->all_before = all;
}

void ft_vitals_quick(struct ft_vitals *vitals, const char *root)
{
    char path[PATH_BYTES];
    double load;

    read_memory(vitals, root);
    snprintf(path, sizeof path, "%s/proc/loadavg", root);
    if (read_number(path, &load))
        add(vitals, FT_READING_LOAD, "", load);
    read_processors(vitals, root);
}

/* ---------------------------------------------------------------- disks */

static bool is_local(const char *type)
{
    static const char *const types[] = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs",
                                        "overlay", "tmpfs", "jfs", "reiserfs", "bcachefs"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

/* Of the many small file systems in memory that a system has, those where programs write. */
static bool matters(const struct mntent *entry)
{
    if (strcmp(entry->mnt_type, "tmpfs") != 0)
        return is_local(entry->mnt_type) && !hasmntopt(entry, "ro");
    return strcmp(entry->mnt_dir, "/tmp") == 0 || strcmp(entry->mnt_dir, "/var/tmp") == 0 ||
           strcmp(entry->mnt_dir, "/dev/shm") == 0 || strcmp(entry->mnt_dir, "/run") == 0;
}

static void read_disks(struct ft_vitals *vitals, const char *root)
{
    char path[PATH_BYTES], text[1024];
    unsigned long seen[DISKS_MAX];
    unsigned n = 0;
    struct mntent entry;
    FILE *mounts;

    snprintf(path, sizeof path, "%s/proc/self/mounts", root);
    mounts = setmntent(path, "re");
    while (mounts != NULL && n < DISKS_MAX && getmntent_r(mounts, &entry, text, sizeof text)) {
        struct statvfs disk;
        bool again = false;

        if (!matters(&entry) || statvfs(entry.mnt_dir, &disk) != 0 || disk.f_blocks == 0)
            continue;
        for (unsigned i = 0; i < n; i++) /* mounted at several places: the first one's name */
            again |= seen[i] == disk.f_fsid;
        if (again)
            continue;
        seen[n++] = disk.f_fsid;
        add(vitals, FT_READING_DISK_TOTAL, entry.mnt_dir,
            (double)disk.f_blocks * (double)disk.f_frsize);
        add(vitals, FT_READING_DISK_FREE, entry.mnt_dir,
            (double)disk.f_bavail * (double)disk.f_frsize);
    }
    if (mounts != NULL)
        endmntent(mounts);
}

/* ---------------------------------------------------------------- heat */

#ifdef HAVE_SENSORS
static bool subfeature(const sensors_chip_name *chip, const sensors_feature *feature,
                       sensors_subfeature_type type, double *value)
{
    const sensors_subfeature *found = sensors_get_subfeature(chip, feature, type);

    return found != NULL && sensors_get_value(chip, found->number, value) == 0;
}

static void read_feature(struct ft_vitals *vitals, const sensors_chip_name *chip,
                         const sensors_feature *feature)
{
    char *label = sensors_get_label(chip, feature), name[FT_VITALS_OF_MAX];
    double value, max;

    snprintf(name, sizeof name, "%.20s/%.24s", chip->prefix, label != NULL ? label : feature->name);
    free(label);
    if (!subfeature(chip, feature, SENSORS_SUBFEATURE_TEMP_INPUT, &value))
        return;
    add(vitals, FT_READING_TEMPERATURE, name, value);
    if (subfeature(chip, feature, SENSORS_SUBFEATURE_TEMP_CRIT, &max) && max > 0)
        add(vitals, FT_READING_TEMPERATURE_MAX, name, max);
}

/* Told by libsensors, with the labels that the site gave them in sensors3.conf. */
static void read_heat(struct ft_vitals *vitals, const char *root)
{
    static int state; /* 0 not tried, 1 well, -1 there are none */
    const sensors_chip_name *chip;
    int chip_number = 0, n = 0;

    if (root[0] != '\0')
        return;
    if (state == 0)
        state = sensors_init(NULL) == 0 ? 1 : -1;
    if (state < 0)
        return;
    while ((chip = sensors_get_detected_chips(NULL, &chip_number)) != NULL) {
        const sensors_feature *feature;
        int number = 0;

        while (n < SENSORS_MAX && (feature = sensors_get_features(chip, &number)) != NULL) {
            if (feature->type != SENSORS_FEATURE_TEMP)
                continue;
            read_feature(vitals, chip, feature);
            n++;
        }
    }
}
#else
static void read_heat(struct ft_vitals *vitals, const char *root)
{
    (void)vitals;
    (void)root;
}
#endif

/* ---------------------------------------------------------------- folders of numbers */

typedef void (*entry_fn)(struct ft_vitals *vitals, const char *folder, const char *name);

static void each_entry(struct ft_vitals *vitals, const char *folder, const char *prefix,
                       unsigned max, entry_fn visit)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned n = 0;

    while (dir != NULL && n < max && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        visit(vitals, folder, entry->d_name);
        n++;
    }
    if (dir != NULL)
        closedir(dir);
}

/* A memory controller of the kernel's EDAC. */
static void read_controller(struct ft_vitals *vitals, const char *folder, const char *name)
{
    char path[2 * PATH_BYTES];
    double value;

    snprintf(path, sizeof path, "%s/%s/ce_count", folder, name);
    if (read_number(path, &value))
        add(vitals, FT_READING_ECC_CORRECTED, name, value);
    snprintf(path, sizeof path, "%s/%s/ue_count", folder, name);
    if (read_number(path, &value))
        add(vitals, FT_READING_ECC_UNCORRECTED, name, value);
}

static void read_interface(struct ft_vitals *vitals, const char *folder, const char *name)
{
    static const char *const counters[] = {"rx_errors", "tx_errors", "rx_dropped", "tx_dropped"};
    char path[2 * PATH_BYTES];
    double sum = 0, value;
    bool any = false;

    snprintf(path, sizeof path, "%s/%s/device", folder, name);
    if (access(path, F_OK) != 0)
        return;
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        snprintf(path, sizeof path, "%s/%s/statistics/%s", folder, name, counters[i]);
        if (read_number(path, &value)) {
            sum += value;
            any = true;
        }
    }
    if (any)
        add(vitals, FT_READING_NET_ERRORS, name, sum);
}

void ft_vitals_slow(struct ft_vitals *vitals, const char *root)
{
    char folder[PATH_BYTES];

    read_disks(vitals, root);
    read_heat(vitals, root);
    snprintf(folder, sizeof folder, "%s/sys/devices/system/edac/mc", root);
    each_entry(vitals, folder, "mc", SENSORS_MAX, read_controller);
    snprintf(folder, sizeof folder, "%s/sys/class/net", root);
    each_entry(vitals, folder, "", 8 * INTERFACES_MAX, read_interface);
}
