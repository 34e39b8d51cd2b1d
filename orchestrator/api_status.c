/* See api_status.h. */
#include "orchestrator/api_status.h"

#include "base/alloc.h"
#include "base/str.h"

#include <ctype.h>

/* In hours. */
enum { DAY = 24, WEEK = 7 * DAY, MONTH = 30 * DAY, YEAR = 365 * DAY };

/* The bounds are go-units' (duration.go), also where they look odd: hours up to two days, days up
 * to two weeks, weeks up to two months, months up to two years. */
char *api_status_duration(int64_t duration_ms)
{
    long long seconds = duration_ms / 1000;
    long long minutes = seconds / 60;
    long long hours = (seconds + 1800) / 3600; /* rounded */
    if (seconds < 1)
        return xstrdup("Less than a second");
    if (seconds == 1)
        return xstrdup("1 second");
    if (seconds < 60)
        return xasprintf("%lld seconds", seconds);
    if (minutes == 1)
        return xstrdup("About a minute");
    if (minutes < 60)
        return xasprintf("%lld minutes", minutes);
    if (hours == 1)
        return xstrdup("About an hour");
    if (hours < 2LL * DAY)
        return xasprintf("%lld hours", hours);
    if (hours < 2LL * WEEK)
        return xasprintf("%lld days", hours / DAY);
    if (hours < 2LL * MONTH)
        return xasprintf("%lld weeks", hours / WEEK);
    if (hours < 2LL * YEAR)
        return xasprintf("%lld months", hours / MONTH);
    return xasprintf("%lld years", hours / YEAR);
}

/* Docker's moby, container/state.go: State.String(). */
char *api_status_text(const char *state, const char *health, int exit_code, int64_t started_ms,
                      int64_t finished_ms, int64_t now_ms)
{
    bool paused = streq(state, "paused");
    if (streq(state, "running") || streq(state, "stopping") || paused) {
        _cleanup_free_ char *duration = api_status_duration(now_ms - started_ms);
        if (paused || !*health)
            return xasprintf("Up %s%s", duration, paused ? " (Paused)" : "");
        bool starting = streq(health, "starting");
        return xasprintf("Up %s (%s%s)", duration, starting ? "health: " : "", health);
    }
    /* Between a restart's start and its service's the end before is known no more. */
    if (streq(state, "exited") || (streq(state, "restarting") && finished_ms > 0)) {
        _cleanup_free_ char *duration = api_status_duration(now_ms - finished_ms);
        return xasprintf("%s (%d) %s ago", streq(state, "exited") ? "Exited" : "Restarting",
                         exit_code, duration);
    }
    char *text = xstrdup(state);
    if (text)
        text[0] = (char)toupper((unsigned char)text[0]);
    return text;
}
