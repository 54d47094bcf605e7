// Package match finds the topics a post speaks of.
//
// Text is folded (lower case, NFKC where it is needed), cut into tokens, and each token becomes a 64-bit
// hash. Terms go through the same folding, so they become sequences of hashes: paths in a trie that is one
// open-addressed table. A topic is (any of Any) and (any of And) and (none of Not); each of its at most 64
// terms is one bit.
//
// A Set never changes once it is built: a new one is built beside it and swapped in. The tokens of a post do
// not depend on any Set, so those of past posts, kept in a Ring, can be matched against topics that did not
// exist when the posts were read.
//
// # What is a token
//
//   - Letters, digits, marks and _ form words. Hangul and other letters that touch are two words (갤럭시S25).
//   - Each rune of Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar is a token of its own: a term in
//     these scripts is found anywhere, also inside a longer word.
//   - #tag is a token, and counts as tag as well. @name and $CASH are tokens and do not count as the bare word.
//     @name.example.org counts as @name too.
//   - An emoji sequence is one token; with a skin tone it counts as the one without as well.
//   - An apostrophe joins: don't. The longest part counts as well, so Apple's, l'Apple and Apple'ın are Apple;
//     n't is part of its verb and nothing else.
//   - + and # at the end of a word belong to it and count without too: C++, C#, Disney+.
//   - An address (http://, https:// or of Links) gives its host and the hosts above it, and the host with
//     each beginning of its path. Words inside an address are not words of the text.
//
// # What a term may be
//
// A word, a phrase (tokens next to each other, whatever punctuation stands between), #tag, $CASH, @name, an
// emoji, a host or a host with a path: example.com finds links to it and below it and also the words
// "example.com" in the text; https://example.com and url:example.com only links. A Korean word with a * at its
// end finds every word that begins with it, since particles are written onto the noun (아이폰* finds 아이폰을).
//
// # Limits, accepted
//
// Case is folded without a language: Turkish I and ı differ (ISPARTA is not ısparta; İ is i), and ß is ss, so
// Maße is Masse. Accents are kept: café is not cafe. Arabic and Hebrew particles written onto a word, and
// the articles of Scandinavian nouns, are part of the word. Two different tokens share a 63-bit hash with
// probability 1e-19; somebody who builds such a pair could as well have written the word itself.
package match
