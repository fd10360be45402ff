#include "mcp/seal.h"

#include <gtest/gtest.h>

#include "mcp/mcp_fixture.h"

namespace chronos::mcp {
namespace {

class SealTest : public testing::Test {
protected:
    static Seal::Binding binding(const Json& salient = {{"name", "drop"}}, const std::string& key_id = "key") {
        return Seal::binding_of(principal(access::Scope::kRead, key_id), "tools/call", salient);
    }
    TestWorld world_;
    Seal seal_{world_.environment()};
};

TEST_F(SealTest, OpensOnceForWhomItWasMade) {
    const std::string token = seal_.seal(binding(), {{"round", 1}});
    EXPECT_FALSE(seal_.open(token, binding({{"name", "other"}})).ok());
    EXPECT_FALSE(seal_.open(token, binding({{"name", "drop"}}, "other")).ok());
    const Result<Json> state = seal_.open(token, binding());
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(*state, Json({{"round", 1}}));
    EXPECT_FALSE(seal_.open(token, binding()).ok()) << "used already";
}

TEST_F(SealTest, TheOrderOfParametersDoesNotMatter) {
    const std::string token = seal_.seal(binding({{"a", 1}, {"b", 2}}), {});
    EXPECT_TRUE(seal_.open(token, binding({{"b", 2}, {"a", 1}})).ok());
}

TEST_F(SealTest, EveryChangeIsNoticed) {
    const std::string token = seal_.seal(binding(), {{"round", 1}});
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(seal_.open(changed, binding()).ok()) << i;
        EXPECT_FALSE(seal_.open(token.substr(0, i), binding()).ok()) << i;
    }
    EXPECT_FALSE(seal_.open(token + "A", binding()).ok());
    EXPECT_TRUE(seal_.open(token, binding()).ok());
}

TEST_F(SealTest, AnotherProcessDoesNotOpenIt) {
    Seal other(world_.environment());
    EXPECT_FALSE(other.open(seal_.seal(binding(), {}), binding()).ok());
}

TEST_F(SealTest, AnotherProcessWithTheSameKeyDoesAndKnowsTheHour) {
    const Seal::Key key{std::byte{7}};
    Seal first(world_.environment(), key);
    Seal second(world_.environment(), key);
    const std::string token = first.seal(binding(), {{"round", 1}});
    EXPECT_FALSE(second.open(token, binding({{"name", "other"}})).ok());
    EXPECT_TRUE(second.open(token, binding()).ok());
    world_.clock.now_ns += Seal::kLifetimeSeconds * 1'000'000'000 + 1;
    EXPECT_FALSE(first.open(token, binding()).ok());
    world_.clock.now_ns -= 2 * (Seal::kLifetimeSeconds * 1'000'000'000 + 1);
    EXPECT_FALSE(first.open(token, binding()).ok()) << "a clock that was set back";
}

TEST_F(SealTest, ExpiresAfterAWhile) {
    const std::string token = seal_.seal(binding(), {});
    world_.clock.now_ns += Seal::kLifetimeSeconds * 1'000'000'000 + 1;
    EXPECT_FALSE(seal_.open(token, binding()).ok());
}

TEST(Base64, GoesBothWays) {
    const std::string bytes("\0\xff\x10 ab", 6);
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
        EXPECT_EQ(base64_decoded(base64(bytes.substr(0, size))), bytes.substr(0, size));
        EXPECT_EQ(base64_decoded(base64url(bytes.substr(0, size))), bytes.substr(0, size));
    }
    EXPECT_EQ(base64("Hello"), "SGVsbG8=");
    EXPECT_EQ(base64_decoded("SGVsbG8"), "Hello");
    EXPECT_EQ(base64_decoded("SGV!"), std::nullopt);
    EXPECT_EQ(base64_decoded("S"), std::nullopt);
}

}  // namespace
}  // namespace chronos::mcp
