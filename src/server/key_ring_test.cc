#include "server/key_ring.h"

#include <gtest/gtest.h>

#include "io/sim/sim_environment.h"

namespace chronos::server {
namespace {

ServerSecret secret_of(char c, bool is_new = false) {
    ServerSecret secret{.is_new = is_new};
    secret.bytes.fill(static_cast<std::byte>(c));
    return secret;
}

class KeyRingTest : public testing::Test {
protected:
    void open(const ServerSecret& secret) { ring_ = KeyRing::open(system_, sim_.environment(), secret).value(); }
    std::string make_admin() {
        return ring_->create({.name = "admin", .scopes = {access::Scope::kAdmin}}).value().text;
    }
    bool opens(const std::string& key) { return ring_->authenticate(key, "10.0.0.1").ok(); }
    /// A key as it was kept before secrets were noted.
    std::string append_old_key(const ServerSecret& secret) {
        std::array<std::byte, access::kKeyIdBytes + access::kKeySecretBytes> random;
        sim_.environment().random.fill(random);
        const access::ApiKey key = access::make_api_key(random);
        const std::string payload = R"({"id":")" + key.id + R"(","name":"old","tenant":"default","scopes":["admin"],)" +
                                    R"("hash":")" + access::hex_of(access::hash_of(key, secret.bytes)) + "\"}";
        EXPECT_TRUE(
            system_.append({.entity_id = "key:" + key.id, .event_type = "key.created", .payload = payload}).ok());
        return key.text();
    }

    io::SimEnvironment sim_{1};
    Store system_ = Store::open({.directory = "unused", .in_memory = true}).value();
    std::unique_ptr<KeyRing> ring_;
};

TEST_F(KeyRingTest, KeysOfALostSecretAreVoidAndCountAsNobodysUntilItIsBack) {
    open(secret_of('a', true));
    const std::string first = make_admin();
    open(secret_of('a'));
    EXPECT_TRUE(opens(first));
    EXPECT_EQ(ring_->void_count(), 0U);
    open(secret_of('b', true));
    EXPECT_FALSE(opens(first));
    EXPECT_FALSE(ring_->has_admin());
    EXPECT_EQ(ring_->void_count(), 1U);
    EXPECT_TRUE(ring_->list().front().is_void);
    const std::string second = make_admin();
    open(secret_of('b'));
    EXPECT_TRUE(opens(second));
    EXPECT_EQ(ring_->void_count(), 1U);
    open(secret_of('a'));
    EXPECT_TRUE(opens(first));
    EXPECT_FALSE(opens(second));
    EXPECT_TRUE(ring_->has_admin());
}

TEST_F(KeyRingTest, KeysFromBeforeSecretsWereNotedAreOfTheOneThatIsThere) {
    const std::string old = append_old_key(secret_of('a'));
    open(secret_of('a'));
    EXPECT_TRUE(opens(old));
    EXPECT_EQ(ring_->void_count(), 0U);
    open(secret_of('a'));
    EXPECT_TRUE(opens(old));
    open(secret_of('b', true));
    EXPECT_FALSE(ring_->has_admin());
}

TEST_F(KeyRingTest, AKeyThatCouldNotBeKeptIsNone) {
    open(secret_of('a', true));
    std::string text;
    const auto fails = [&text](const std::string& key) -> Status {
        text = key;
        return Error{.code = ErrorCode::kNoSpace, .message = "the disk is full"};
    };
    EXPECT_FALSE(ring_->create({.name = "admin", .scopes = {access::Scope::kAdmin}}, fails).ok());
    EXPECT_FALSE(ring_->has_admin());
    EXPECT_FALSE(opens(text));
    EXPECT_EQ(ring_->recorded_id(text), std::nullopt);
    EXPECT_NE(ring_->recorded_id(make_admin()), std::nullopt);
}

TEST_F(KeyRingTest, OrVoidIfThereIsNone) {
    const std::string old = append_old_key(secret_of('a'));
    open(secret_of('b', true));
    EXPECT_FALSE(opens(old));
    EXPECT_FALSE(ring_->has_admin());
    EXPECT_EQ(ring_->void_count(), 1U);
    open(secret_of('b'));
    EXPECT_EQ(ring_->void_count(), 1U);
}

}  // namespace
}  // namespace chronos::server
