// What a page holds on to so that the bytes of its events stay where they are.
//
// Threads: as Page.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "cache/file_image.h"
#include "chronos/read.h"

namespace chronos::store {

/// Images that are pinned once each until released.
class ImagePins {
public:
    ImagePins() = default;
    ~ImagePins() { release(); }
    ImagePins(const ImagePins&) = delete;
    ImagePins& operator=(const ImagePins&) = delete;

    void hold(cache::FileImage& image) {
        if (!images_.empty() && images_.back() == &image) return;
        if (std::find(images_.begin(), images_.end(), &image) != images_.end()) return;
        image.pin();
        images_.push_back(&image);
    }
    void release() {
        for (cache::FileImage* image : images_) image->unpin();
        images_.clear();
    }

private:
    std::vector<cache::FileImage*> images_;
};

}  // namespace chronos::store

namespace chronos {

/// With what the pinned images belong to, so that a page may outlive its store.
struct Page::Pins : store::ImagePins {
    ~Pins() { release(); }
    Pins() = default;
    Pins(const Pins&) = delete;
    Pins& operator=(const Pins&) = delete;
    std::shared_ptr<const void> owner;
};

}  // namespace chronos
