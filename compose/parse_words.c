/* The part of compose/parse.h about command lines. */
#include "compose/parse.h"

#include "base/str.h"

#include <errno.h>

/* What stands around the character at hand. */
struct words {
    struct arena *arena;
    char **items;
    size_t count, capacity;
    struct strbuf word;
    bool in_word; /* also true for an empty pair of quotes */
    bool single_quoted, double_quoted;
    bool in_backticks, in_parentheses; /* nothing is run, but blanks do not part words there */
};

static void end_word(struct words *words)
{
    if (!words->in_word)
        return;
    if (words->count + 1 >= words->capacity) {
        size_t capacity = words->capacity ? words->capacity * 2 : 8;
        char **larger = arena_array(words->arena, capacity, sizeof(char *));
        if (words->count > 0)
            memcpy(larger, words->items, words->count * sizeof(char *));
        words->items = larger;
        words->capacity = capacity;
    }
    words->items[words->count++] =
        arena_strndup(words->arena, strbuf_text(&words->word), words->word.length);
    strbuf_clear(&words->word);
    words->in_word = false;
}

static bool is_inside(const struct words *words)
{
    return words->single_quoted || words->double_quoted || words->in_backticks ||
           words->in_parentheses;
}

static void add_char(struct words *words, char c)
{
    strbuf_add_char(&words->word, c);
    words->in_word = true;
}

/* A parenthesis may stand in quotes and in backticks, or open behind a `$`. */
static int take_parenthesis(struct words *words, char c)
{
    bool counts = !words->single_quoted && !words->double_quoted && !words->in_backticks;
    const struct strbuf *word = &words->word;
    bool behind_dollar = word->length > 0 && word->data[word->length - 1] == '$';
    if (counts && c == '(' && (words->in_parentheses || !behind_dollar))
        return -EINVAL;
    if (counts)
        words->in_parentheses = !words->in_parentheses;
    add_char(words, c);
    return 0;
}

/* True where the character opened or closed quotes, and is not part of the word. */
static bool take_quote(struct words *words, char c)
{
    bool other = c == '"' ? words->single_quoted : words->double_quoted;
    bool *quoted = c == '"' ? &words->double_quoted : &words->single_quoted;
    if (other || words->in_parentheses)
        return false;
    if (*quoted)
        words->in_word = true;
    *quoted = !*quoted;
    return true;
}

/* `2>file`: the number is the redirection's, and so is what else begins with a digit. */
static void drop_descriptor(struct words *words)
{
    if (strbuf_text(&words->word)[0] >= '0' && strbuf_text(&words->word)[0] <= '9')
        words->in_word = false;
}

/* Returns where it ended; NULL where the text is no command line. */
static const char *split_words(struct words *words, const char *text)
{
    for (; *text && words->count <= PARSE_WORDS_LIMIT; text++) {
        char c = *text;
        if (c == '\\' && !words->single_quoted) {
            if (*++text == '\0')
                return NULL;
            add_char(words, *text);
        } else if (strchr(" \t\r\n", c) && !is_inside(words)) {
            end_word(words);
        } else if (c == '(' || c == ')') {
            if (take_parenthesis(words, c) < 0)
                return NULL;
        } else if ((c == '"' || c == '\'') && take_quote(words, c)) {
            continue;
        } else if (strchr(";&|<>", c) && !is_inside(words)) {
            if (c == '>')
                drop_descriptor(words);
            break;
        } else {
            if (c == '`' && !words->single_quoted && !words->double_quoted &&
                !words->in_parentheses)
                words->in_backticks = !words->in_backticks;
            if (!strchr(" \t\r\n", c))
                words->in_word = true;
            strbuf_add_char(&words->word, c);
        }
    }
    end_word(words);
    return is_inside(words) ? NULL : text;
}

int parse_shell_words(struct arena *arena, const char *text, char ***ret_words, size_t *ret_count,
                      size_t *ret_used)
{
    struct words words = {.arena = arena};
    const char *end = split_words(&words, text);
    strbuf_done(&words.word);
    if (!end)
        return -EINVAL;
    if (words.count > PARSE_WORDS_LIMIT)
        return -E2BIG;
    *ret_words = words.items ? words.items : arena_array(arena, 1, sizeof(char *));
    *ret_count = words.count;
    *ret_used = (size_t)(end - text);
    return 0;
}
