/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * become.c - owns nothing: lets go of root's rights, for good, before anything is asked of Slurm.
 *
 * Called by main.c, first of all, where a system's central unit started the helper for a user's job.
 * What Slurm allows that user, and nothing else, is what this process is allowed then: slurmctld
 * sees by MUNGE who asks. The groups are the user's of this node; slurmctld looks them up itself.
 *
 * Nothing of the change is taken on trust: afterwards it is looked whether all of it happened, and
 * whether there is a way back.
 */
#include "rmshelp/become.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static bool is_user(uid_t uid)
{
    uid_t real, effective, saved;

    return getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid &&
           saved == uid;
}

static bool is_group(gid_t gid)
{
    gid_t real, effective, saved;

    return getresgid(&real, &effective, &saved) == 0 && real == gid && effective == gid &&
           saved == gid;
}

/* Programs that are started from here find the user's, not root's. */
static bool set_environment(const struct passwd *entry)
{
    return setenv("HOME", entry->pw_dir, 1) == 0 && setenv("USER", entry->pw_name, 1) == 0 &&
           setenv("LOGNAME", entry->pw_name, 1) == 0;
}

/* The kernel, short of memory, spares root's daemon; its users' helpers it need not. */
static void be_ordinary(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? write(fd, "0", 1) : 0;

    (void) n; /* a container may not allow it: no harm */
    if (fd >= 0)
        close(fd);
}

int ft_become(uid_t uid, char *why, size_t size)
{
    const struct passwd *entry;

    if (is_user(uid))
        return 0;
    /* Others that may change their user by a capability would keep that. */
    if (geteuid() != 0) {
        snprintf(why, size, "user %u cannot become user %u; only root can", (unsigned) geteuid(),
                 (unsigned) uid);
        return -1;
    }
    errno = 0;
    entry = getpwuid(uid);
    if (entry == NULL) {
        snprintf(why, size, "user %u is not known on this node%s%s", (unsigned) uid,
                 errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
        return -1;
    }
    be_ordinary();
    if (initgroups(entry->pw_name, entry->pw_gid) != 0 ||
        setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
        setresuid(uid, uid, uid) != 0 || !set_environment(entry)) {
        snprintf(why, size, "user %s (%u): %s", entry->pw_name, (unsigned) uid, strerror(errno));
        return -1;
    }
    if (!is_user(uid) || !is_group(entry->pw_gid) || setresuid(-1, 0, -1) == 0) {
        snprintf(why, size, "root's rights are not gone after the change to user %u",
                 (unsigned) uid);
        return -1;
    }
    /* Its user must not take over a process that root's daemon listens to. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return 0;
}
