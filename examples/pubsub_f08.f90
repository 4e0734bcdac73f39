! SPDX-License-Identifier: BSD-3-Clause
!
! pubsub_f08.f90 - a publisher that outlives its subscribers' nodes; pubsub.c's idea in short, in Fortran.
!
!     ft run --host n0,n1,n2 -n 3 --pool n3 pubsub_f08 FOLDER [MESSAGES [PAUSE_MS]]
!
! Rank 0 publishes: it sends each message to every other rank and waits for its acknowledgement. A
! subscriber writes each message down in FOLDER/received.RANK.EPOCH before it acknowledges it. When a
! subscriber is lost, MPI's calls that name it return an error, because of MPI_ERRORS_RETURN; the
! publisher then asks for an alternative, has this same program started there, and sends the message
! again. The program finds out by FTMPI_Standin whom it stands in for.
!
program pubsub_f08
    use mpi_f08
    use ftmpi
    use, intrinsic :: iso_c_binding, only: c_int
    implicit none
    integer, parameter :: TAG_MESSAGE = 1, TAG_ACK = 2, LAST = -1, ATTEMPTS_MAX = 5
    integer, parameter :: ASK_MS = 10000, REACH_MS = 20000

    ! A subscriber, as the publisher sees it.
    type :: subscriber_t
        type(MPI_Comm) :: comm
        integer :: rank, peer   ! in the original job; on comm
        logical :: is_lost = .false.
    end type

    type(FTMPI_Standin_t) :: me
    type(ftHandle_t) :: runtime
    interface ! the C library's
        integer(c_int) function usleep(us) bind(C)
            import :: c_int
            integer(c_int), value :: us
        end function
    end interface

    character(512) :: folder, words(2), program_name, pause_word
    integer :: rank, ranks, messages, ierror, losses = 0, pause_ms = 0
    logical :: is_well = .true.

    call MPI_Init()
    call MPI_Comm_rank(MPI_COMM_WORLD, rank)
    call MPI_Comm_size(MPI_COMM_WORLD, ranks)
    call MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN)
    call get_command_argument(0, program_name)
    call get_command_argument(1, folder)
    call get_command_argument(2, words(2))
    words(1) = folder
    if (words(2) == '') words(2) = '500'
    read (words(2), *) messages
    call get_command_argument(3, pause_word)
    if (pause_word /= '') read (pause_word, *) pause_ms
    call FTMPI_Standin(me)
    if (me%is_standin) then
        call subscribe(me%comm, me%rank, me%epoch)
    else if (rank > 0) then
        call subscribe(MPI_COMM_WORLD, rank, 0)
    else
        call openFT(runtime, ierror=ierror)
        if (ierror /= FT_OK) print '(2a)', 'no FT runtime: ', ftLastError()
        call publish()
        call closeFT(runtime)
    end if
    call MPI_Finalize()
    if (.not. is_well) error stop 1

contains

    subroutine publish()
        type(subscriber_t) :: subscribers(ranks - 1)
        integer :: i, seq

        do i = 1, size(subscribers)
            subscribers(i) = subscriber_t(MPI_COMM_WORLD, i, i)
        end do
        do seq = 1, messages
            do i = 1, size(subscribers)
                call deliver(subscribers(i), seq)
            end do
            if (pause_ms > 0) ierror = usleep(int(1000*pause_ms, c_int))
        end do
        do i = 1, size(subscribers)
            call leave(subscribers(i))
        end do
        print '(a,i0,a,i0,a,i0,a)', 'published ', messages, ' messages to ', ranks - 1, ' subscribers, ', &
            losses, ' lost and replaced'
    end subroutine

    ! Until it is acknowledged, by the subscriber or by one that stands in for it.
    subroutine deliver(subscriber, seq)
        type(subscriber_t), intent(inout) :: subscriber
        integer, intent(in) :: seq
        integer :: ack

        do while (.not. subscriber%is_lost)
            call MPI_Send(seq, 1, MPI_INTEGER, subscriber%peer, TAG_MESSAGE, subscriber%comm, ierror)
            if (ierror == MPI_SUCCESS) call MPI_Recv(ack, 1, MPI_INTEGER, subscriber%peer, TAG_ACK, &
                subscriber%comm, MPI_STATUS_IGNORE, ierror)
            if (ierror == MPI_SUCCESS) return
            call retarget(subscriber)
        end do
    end subroutine

    subroutine retarget(subscriber)
        type(subscriber_t), intent(inout) :: subscriber
        type(ftReply_t) :: reply
        type(MPI_Comm) :: comm
        integer :: attempt, peer

        do attempt = 1, ATTEMPTS_MAX
            call requestFT(runtime, resourceError(ftRank(subscriber%rank), FT_SEND), reply, ASK_MS)
            call requestFT(runtime, findAlternative(ftRank(subscriber%rank), ftNeedAtLeast(ftAny())), &
                reply, ASK_MS, ierror)
            if (ierror == FT_ERR_UNFIT .or. ierror == FT_ERR_LOST .or. ierror == FT_ERR_TIMEOUT) cycle
            if (ierror /= FT_OK) exit
            call FTMPI_Reach(runtime, reply, trim(program_name), words, REACH_MS, comm, peer, ierror=ierror)
            if (ierror /= MPI_SUCCESS) cycle
            print '(a,i0,4a)', 'subscriber ', subscriber%rank, ' lost with node ', ft_text(reply%lost_node), &
                ', going on with ', ft_text(reply%alternative%node)
            losses = losses + 1
            if (subscriber%comm /= MPI_COMM_WORLD) call FTMPI_Leave(subscriber%comm)
            subscriber%comm = comm
            subscriber%peer = peer
            return
        end do
        print '(a,i0,4a)', 'no alternative for subscriber ', subscriber%rank, ': ', ft_text(reply%reason), &
            '. ', ft_text(reply%hint)
        subscriber%is_lost = .true.
        is_well = .false.
    end subroutine

    subroutine leave(subscriber)
        type(subscriber_t), intent(inout) :: subscriber

        if (subscriber%is_lost) return
        call MPI_Send(LAST, 1, MPI_INTEGER, subscriber%peer, TAG_MESSAGE, subscriber%comm, ierror)
        if (subscriber%comm /= MPI_COMM_WORLD) call FTMPI_Leave(subscriber%comm)
    end subroutine

    subroutine subscribe(comm, of_rank, epoch)
        type(MPI_Comm), intent(in) :: comm
        integer, intent(in) :: of_rank, epoch
        character(600) :: path
        integer :: seq, file

        write (path, '(a,a,i0,a,i0)') trim(folder), '/received.', of_rank, '.', epoch
        open (newunit=file, file=path)
        do
            call MPI_Recv(seq, 1, MPI_INTEGER, 0, TAG_MESSAGE, comm, MPI_STATUS_IGNORE, ierror)
            if (ierror /= MPI_SUCCESS .or. seq == LAST) exit
            write (file, '(i0)') seq
            flush (file)
            call MPI_Send(seq, 1, MPI_INTEGER, 0, TAG_ACK, comm, ierror)
        end do
        close (file)
    end subroutine
end program
