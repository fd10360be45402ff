#include "access/api_key.h"

#include <gtest/gtest.h>

#include "access/principal.h"

namespace chronos::access {
namespace {

ApiKey key_of(unsigned char first) {
    std::array<std::byte, kKeyIdBytes + kKeySecretBytes> random;
    for (std::size_t i = 0; i < random.size(); ++i) random[i] = static_cast<std::byte>(first + 7 * i);
    return make_api_key(random);
}

TEST(ApiKey, IsReadBackFromItsText) {
    for (unsigned first = 0; first < 256; ++first) {
        const ApiKey key = key_of(static_cast<unsigned char>(first));
        const Result<ApiKey> parsed = parse_api_key(key.text());
        ASSERT_TRUE(parsed.ok()) << parsed.error().message;
        EXPECT_EQ(parsed->id, key.id);
        EXPECT_EQ(parsed->secret, key.secret);
    }
}

TEST(ApiKey, RefusesEveryMistypedCharacter) {
    const std::string text = key_of(3).text();
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (const char wrong : {'a', '7', '_', 'A', '\0'}) {
            std::string other = text;
            if (other[i] == wrong) continue;
            other[i] = wrong;
            const Result<ApiKey> parsed = parse_api_key(other);
            ASSERT_FALSE(parsed.ok()) << i;
            EXPECT_EQ(parsed.error().message.find(other.substr(20)), std::string::npos);
        }
    }
    EXPECT_FALSE(parse_api_key("").ok());
    EXPECT_FALSE(parse_api_key(text + "a").ok());
    EXPECT_FALSE(parse_api_key(text.substr(1)).ok());
}

TEST(ApiKey, HashesDifferBySecretAndByServer) {
    const std::array<std::byte, 32> server{};
    std::array<std::byte, 32> other{};
    other[31] = std::byte{1};
    EXPECT_TRUE(is_same_hash(hash_of(key_of(1), server), hash_of(key_of(1), server)));
    EXPECT_FALSE(is_same_hash(hash_of(key_of(1), server), hash_of(key_of(2), server)));
    EXPECT_FALSE(is_same_hash(hash_of(key_of(1), server), hash_of(key_of(1), other)));
}

TEST(ApiKey, HexIsReadBack) {
    const KeyHash hash = hash_of(key_of(9), {});
    KeyHash read{};
    ASSERT_TRUE(parse_hex(hex_of(hash), read).ok());
    EXPECT_EQ(read, hash);
    EXPECT_FALSE(parse_hex("0g", std::span(read).first(1)).ok());
    EXPECT_FALSE(parse_hex("00", read).ok());
}

TEST(Scopes, AGreaterScopeGrantsTheSmallerOnes) {
    EXPECT_TRUE(Scopes({Scope::kAdmin}).allows(Scope::kWrite));
    EXPECT_TRUE(Scopes({Scope::kWrite}).allows(Scope::kWriteForks));
    EXPECT_TRUE(Scopes({Scope::kWriteForks}).allows(Scope::kRead));
    EXPECT_FALSE(Scopes({Scope::kWriteForks}).allows(Scope::kWrite));
    EXPECT_FALSE(Scopes({Scope::kRead}).allows(Scope::kWriteForks));
    EXPECT_FALSE(Scopes().allows(Scope::kRead));
    for (const Scope scope : Scopes({Scope::kRead, Scope::kAdmin}).granted())
        EXPECT_EQ(parse_scope(scope_name(scope)), scope);
}

}  // namespace
}  // namespace chronos::access
