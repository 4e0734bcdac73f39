/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text.c - texts of bounded size, and bytes as hexadecimal digits.
 *
 * Used wherever a text has a fixed place to go: fields of the public structs, error texts, log
 * lines. snprintf alone would leave half a UTF-8 character at the end of a text that was cut, which
 * then is no valid JSON in the event log; that is why cutting has a home here.
 */
#include "config.h"

#include "common/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Where a text that must end before `limit` is to be cut: never behind the first byte of a
 * multi-byte character that does not fit. At most three bytes are given up; what is no UTF-8 anyway
 * is cut at the limit. */
static size_t cut_at(const char *text, size_t limit)
{
    size_t i = limit;

    while (i > 0 && limit - i < 3 && ((unsigned char) text[i] & 0xc0) == 0x80)
        i--;
    return ((unsigned char) text[i] & 0xc0) == 0xc0 ? i : limit;
}

bool ft_text_copy(char *to, size_t size, const char *from)
{
    size_t n = from != NULL ? strlen(from) : 0;
    bool fits = n < size;

    if (size == 0)
        return fits;
    if (!fits)
        n = cut_at(from, size - 1);
    if (n > 0)
        memmove(to, from, n);
    to[n] = '\0';
    return fits;
}

bool ft_text_vappendf(char *text, size_t size, const char *format, va_list arguments)
{
    size_t at = size > 0 ? strnlen(text, size) : 0;
    int n;

    if (size == 0 || at == size)
        return false;
    n = vsnprintf(text + at, size - at, format, arguments);
    if (n >= 0 && (size_t) n < size - at)
        return true;
    /* Cut: take a broken character away from the end. */
    n = (int) strlen(text);
    for (size_t back = 1; back <= 3 && back <= (size_t) n; back++) {
        unsigned char c = (unsigned char) text[(size_t) n - back];
        size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

        if ((c & 0xc0) == 0x80)
            continue;
        if (needs > back)
            text[(size_t) n - back] = '\0';
        break;
    }
    return false;
}

bool ft_text_appendf(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    bool fits;

    va_start(arguments, format);
    fits = ft_text_vappendf(text, size, format, arguments);
    va_end(arguments);
    return fits;
}

void ft_text_one_line(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char) *text < 0x20 || *text == 0x7f)
            *text = ' ';
    }
}

/* How many bytes the character at s has; 0 if it is none (Unicode 15, table 3-7). */
static size_t utf8_length(const unsigned char *s)
{
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t n;

    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] == 0xe0)
        low = 0xa0; /* else it would have a shorter form */
    else if (s[0] == 0xed)
        high = 0x9f; /* else it would be half a surrogate pair */
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f; /* U+10FFFF is the last */
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    return n;
}

void ft_text_make_utf8(char *text)
{
    while (*text != '\0') {
        size_t n = utf8_length((const unsigned char *) text);

        if (n == 0)
            *text = '?';
        text += n > 0 ? n : 1;
    }
}

int ft_text_hex(char *to, size_t size, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;

    if (n > (SIZE_MAX - 1) / 2 || size < 2 * n + 1) {
        if (size > 0)
            to[0] = '\0';
        errno = ENOBUFS;
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * n] = '\0';
    return 0;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

int ft_text_unhex(void *bytes, size_t n, const char *text)
{
    uint8_t *to = bytes;
    size_t i;

    for (i = 0; i < n; i++) {
        int high = digit_value(text[2 * i]);
        int low = high >= 0 ? digit_value(text[2 * i + 1]) : -1;

        if (low < 0)
            break;
        to[i] = (uint8_t) (high << 4 | low);
    }
    if (i == n && text[2 * n] == '\0')
        return 0;
    explicit_bzero(bytes, n);
    errno = EINVAL;
    return -1;
}
