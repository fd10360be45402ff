// The limit: a log without entities, conditions or reads. Records of header, checksum and bytes go
// into a file that was written before (so that a commit moves no metadata), by O_DIRECT|O_DSYNC, at
// most 1 MiB a commit.
#include <fcntl.h>
#include <isa-l/crc.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "peers/failure.h"
#include "peers/peers.h"

namespace chronos::bench {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kCommitBytesMax = std::size_t{1} << 20;
constexpr std::size_t kEventsPerLock = 64;

struct RecordHeader {
    std::uint64_t position = 0;
    std::uint64_t recorded_at = 0;
    std::uint32_t crc = 0;
    std::uint32_t payload_size = 0;
    std::uint32_t entity_size = 0;
    std::uint32_t type_size = 0;
};
static_assert(sizeof(RecordHeader) == 32);

struct FreeDeleter {
    void operator()(void* memory) const { std::free(memory); }
};

/// What waits for the disk, or is on its way there.
struct CommitBuffer {
    std::unique_ptr<char, FreeDeleter> bytes{static_cast<char*>(std::aligned_alloc(kBlockBytes, kCommitBytesMax))};
    std::size_t size = 0;
};

/// Two buffers: one is filled while the other is written.
class LogFile {
public:
    LogFile(const std::filesystem::path& path, std::uint64_t file_bytes) : file_bytes_(file_bytes) {
        write_zeros(path);
        fd_ = ::open(path.c_str(), O_WRONLY | O_DIRECT | O_DSYNC);
        if (fd_ < 0) throw Failure(path.string() + ": " + std::strerror(errno));
        for (CommitBuffer& buffer : buffers_) std::memset(buffer.bytes.get(), 0, kCommitBytesMax);
    }
    ~LogFile() { ::close(fd_); }
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;

    /// Copies `events` into the buffer being filled, waiting for room; gives the place of the last
    /// one in the log.
    std::uint64_t add(std::span<const Event> events) {
        std::unique_lock lock(mutex_);
        for (const Event& event : events) {
            const std::size_t size = record_size(event);
            if (filling().size + size > kCommitBytesMax) {
                changed_.notify_all();
                changed_.wait(lock, [&] { return filling().size + size <= kCommitBytesMax; });
            }
            encode(event, filling().bytes.get() + filling().size);
            filling().size += size;
            ++next_position_;
        }
        if (committer_waits_) changed_.notify_all();
        return next_position_ - 1;
    }

    /// Waits until the record at `position` is durable; commits itself if nobody else does.
    void wait_for(std::uint64_t position) {
        std::unique_lock lock(mutex_);
        while (durable_end_ <= position) {
            if (committing_)
                changed_.wait(lock);
            else
                commit(lock);
        }
        fail_if_broken();
    }

    /// Commits whatever is there, as soon as the commit before has ended, until `stop` is called.
    void run_committer() {
        std::unique_lock lock(mutex_);
        while (!stopped_ || filling().size > 0) {
            if (filling().size == 0) {
                committer_waits_ = true;
                changed_.wait(lock);
                committer_waits_ = false;
            } else {
                commit(lock);
            }
        }
    }
    void stop() {
        const std::scoped_lock lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
    }
    void restart() { stopped_ = false; }
    void fail_if_broken() const {
        if (error_ != 0) throw Failure(std::string("raw log: ") + std::strerror(error_));
    }

private:
    CommitBuffer& filling() { return buffers_[filling_]; }

    static std::size_t record_size(const Event& event) {
        const std::size_t size = sizeof(RecordHeader) + event.entity.size() + event.type.size() + event.payload.size();
        return (size + 7) / 8 * 8;
    }

    void encode(const Event& event, char* at) const {
        RecordHeader header{.position = next_position_,
                            .payload_size = static_cast<std::uint32_t>(event.payload.size()),
                            .entity_size = static_cast<std::uint32_t>(event.entity.size()),
                            .type_size = static_cast<std::uint32_t>(event.type.size())};
        char* const body = at + sizeof header;
        char* end = body;
        for (const std::string_view part : {event.entity, event.type, event.payload}) {
            std::memcpy(end, part.data(), part.size());
            end += part.size();
        }
        header.crc = crc32_iscsi(reinterpret_cast<unsigned char*>(body), static_cast<int>(end - body), 0);
        std::memcpy(at, &header, sizeof header);
    }

    void commit(std::unique_lock<std::mutex>& lock) {
        CommitBuffer& buffer = filling();
        const std::uint64_t end = next_position_;
        const std::size_t size = (buffer.size + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
        filling_ = 1 - filling_;
        committing_ = true;
        if (file_offset_ + size > file_bytes_) file_offset_ = 0;
        const std::uint64_t offset = file_offset_;
        file_offset_ += size;
        lock.unlock();
        changed_.notify_all();
        const bool written =
            ::pwrite(fd_, buffer.bytes.get(), size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
        lock.lock();
        if (!written) error_ = errno != 0 ? errno : EIO;
        buffer.size = 0;
        committing_ = false;
        durable_end_ = end;
        changed_.notify_all();
    }

    void write_zeros(const std::filesystem::path& path) const {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0) throw Failure(path.string() + ": " + std::strerror(errno));
        const std::string zeros(kCommitBytesMax, '\0');
        bool good = true;
        for (std::uint64_t at = 0; at < file_bytes_ && good; at += zeros.size())
            good = ::write(fd, zeros.data(), zeros.size()) == static_cast<ssize_t>(zeros.size());
        good = good && ::fsync(fd) == 0;
        ::close(fd);
        if (!good) throw Failure(path.string() + ": " + std::strerror(errno));
    }

    const std::uint64_t file_bytes_;
    int fd_ = -1;
    std::mutex mutex_;
    std::condition_variable changed_;
    // Guarded by mutex_; the buffer that is not being filled belongs to who commits.
    std::array<CommitBuffer, 2> buffers_;
    std::size_t filling_ = 0;
    bool committing_ = false;
    bool committer_waits_ = false;
    bool stopped_ = false;
    std::uint64_t file_offset_ = 0;
    std::uint64_t next_position_ = 0;
    std::uint64_t durable_end_ = 0;
    int error_ = 0;
};

class RawLogSession : public Session {
public:
    explicit RawLogSession(LogFile& log) : log_(log) {}

    void append(std::span<const Event> events) override { log_.wait_for(log_.add(events)); }

    void append_all(std::span<const Event> events, std::size_t /*batch_events*/) override {
        log_.restart();
        std::thread committer([this] { log_.run_committer(); });
        // A few at a time, so that the committer never waits long for the lock.
        for (std::size_t at = 0; at < events.size(); at += kEventsPerLock)
            log_.add(events.subspan(at, std::min(kEventsPerLock, events.size() - at)));
        log_.stop();
        committer.join();
        log_.fail_if_broken();
    }

    ReadResult read_last(std::string_view, std::uint32_t) override { throw Failure("the raw log has no index"); }
    ReadResult read_all(std::string_view) override { throw Failure("the raw log has no index"); }

private:
    LogFile& log_;
};

class RawLog : public Peer {
public:
    explicit RawLog(std::uint64_t file_bytes) : file_bytes_(file_bytes) {}

    void open(const std::filesystem::path& directory) override {
        log_ = std::make_unique<LogFile>(directory / "raw.log", file_bytes_);
    }
    void close() override { log_.reset(); }
    std::unique_ptr<Session> connect() override { return std::make_unique<RawLogSession>(*log_); }

private:
    std::uint64_t file_bytes_;
    std::unique_ptr<LogFile> log_;
};

}  // namespace

std::unique_ptr<Peer> make_raw_log(std::uint64_t file_bytes) { return std::make_unique<RawLog>(file_bytes); }

}  // namespace chronos::bench
